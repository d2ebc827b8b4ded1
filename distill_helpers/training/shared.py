"""One product for all arms of a lane where they look at the same batch.

Mapping a linear layer over arms copies the batch once for each arm and multiplies arm by arm. Side by side, the weights of all arms
are one matrix, and the batch is multiplied by it once: [B, in] by [in, arms · out].
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode


class SharedProducts(TorchFunctionMode):
    """Inside the block, a linear layer whose input is the same for all mapped students multiplies it by their weights at once."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.linear:
            x, weight, bias = _given(*args, **(kwargs or {}))
            if level(x) < level(weight) and x.dim() > 1 and not torch.is_autocast_enabled(x.device.type):
                return SharedLinear.apply(x, weight, bias)
        return func(*args, **(kwargs or {}))


def level(tensor: Tensor) -> int:
    """The innermost map over which a tensor is mapped: 1 for the outermost map, -1 for none."""
    return torch._C._functorch.maybe_get_level(tensor) if torch._C._functorch.is_batchedtensor(tensor) else -1


def _given(input, weight, bias=None):
    return input, weight, bias


class SharedLinear(torch.autograd.Function):
    """x Wᵀ + b for x [..., in], W [out, in], b [out] or None. Mapped over W alone, all W are one matrix."""

    @staticmethod
    def forward(x, weight, bias):
        return F.linear(x, weight, bias)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:2])
        ctx.biased = inputs[2] is not None

    @staticmethod
    def backward(ctx, slope):
        x, weight = ctx.saved_tensors
        flat = slope.flatten(0, -2)
        return slope @ weight, flat.mT @ x.flatten(0, -2), flat.sum(0) if ctx.biased else None

    @staticmethod
    def vmap(info, in_dims, x, weight, bias):
        if in_dims[0] is None and in_dims[1] is not None:
            weight, bias = first(weight, in_dims[1]), _each(bias, in_dims[2], info.batch_size)
            y = SharedLinear.apply(x, weight.flatten(0, 1), None if bias is None else bias.flatten(0, 1))
            return y.unflatten(-1, (info.batch_size, -1)), y.dim() - 1
        x, weight, bias = (_each(t, d, info.batch_size) for t, d in zip((x, weight, bias), in_dims, strict=True))
        y = LinearOfEach.apply(x.flatten(1, -2), weight, bias)
        return y.unflatten(1, x.shape[1:-1]), 0


class LinearOfEach(torch.autograd.Function):
    """[n, B, in], [n, out, in], [n, out] or None -> [n, B, out]. The weights' gradient lies in memory as the weights do."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x, weight, bias):
        return torch.bmm(x, weight.mT) if bias is None else torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:2])
        ctx.biased = inputs[2] is not None

    @staticmethod
    def backward(ctx, slope):
        x, weight = ctx.saved_tensors
        return slope @ weight if ctx.needs_input_grad[0] else None, slope.mT @ x, slope.sum(1) if ctx.biased else None


def first(t: Tensor, dim: int) -> Tensor:
    """t with its mapped dimension first."""
    return t.movedim(dim, 0)


def _each(t, dim, count):
    if t is None:
        return None
    return t.unsqueeze(0).expand(count, *t.shape) if dim is None else first(t, dim)
