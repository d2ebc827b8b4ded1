"""Probes: how large signals and gradients are in each layer, and how a net stretches space. They work on any module, and
leave it as they found it: weights, gradients, buffers, hooks, mode and random numbers."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from distill_helpers.checks import InputError


@dataclass(frozen=True, eq=False)
class LayerNorms:
    """names: of the probed modules, in the order in which data pass through them.

    signal: root mean square of each module's output. gradient: root mean square, over the batch, of the norm of the loss's
    gradient with respect to that output, for one example. Both [layers].
    """

    names: list[str]
    signal: Tensor
    gradient: Tensor

    def growth(self, first: int = 0, last: int | None = None) -> float:
        """By how much the squared gradient grows per layer on its way down, from module ``last`` to ``first`` (a geometric mean)."""
        last = len(self.names) - 1 if last is None else last
        return float((self.gradient[first] / self.gradient[last]) ** (2 / (last - first)))


def layer_norms(model: nn.Module, x: Tensor, loss, kinds=(nn.Linear,), layers=None) -> LayerNorms:
    """Norms by layer for one batch. loss: from the model's output to a scalar that is a SUM over the examples.

    layers: {name: module} to probe; by default every submodule of one of ``kinds``. A module that is used several times is
    listed once for each use. Raises InputError when nothing can be probed.
    """
    layers = dict(layers) if layers is not None else {n: m for n, m in model.named_modules() if isinstance(m, tuple(kinds))}
    if not layers:
        raise InputError(f"layers must name at least one module to probe, but {type(model).__name__} has none of {kinds}.")
    names, outputs = [], []

    def keep(name):
        def hook(module, inputs, output):
            # a view that autograd follows even where the model's weights are frozen
            output = output if output.requires_grad else output.detach().requires_grad_()
            names.append(name)
            outputs.append(output)
            return output

        return hook

    buffers = {name: b.clone() for name, b in model.named_buffers()}
    hooks = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    try:
        with torch.enable_grad(), torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):
            gradients = torch.autograd.grad(loss(model(x)), outputs, allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
        with torch.no_grad():
            for name, b in model.named_buffers():
                b.copy_(buffers[name])
    signal = torch.stack([out.detach().square().mean().sqrt() for out in outputs])
    size = [torch.zeros(()) if g is None else g.flatten(1).square().sum(1).mean().sqrt() for g in gradients]
    return LayerNorms(names, signal.cpu(), torch.stack([s.to(signal.device) for s in size]).cpu())


def jacobian_spectrum(function, x: Tensor) -> Tensor:
    """Singular values of the Jacobian of ``function`` at each row of x [B, D], largest first: [B, min(D, outputs)].

    function: from [N, D] to [N, outputs], one row at a time (no batch statistics). Where the Jacobian holds NaN or infinity,
    the row's values are NaN.
    """
    rows = torch.func.vmap(torch.func.jacrev(lambda row: function(row.unsqueeze(0)).squeeze(0)))(x)
    rows = rows.detach().double()
    broken = ~rows.isfinite().flatten(1).all(1)
    values = torch.linalg.svdvals(rows.masked_fill(broken.view(-1, 1, 1), 0))
    return values.masked_fill(broken.view(-1, 1), torch.nan)
