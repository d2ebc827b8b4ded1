"""The angles of all triples of a batch, compared between student and teacher from inner products alone."""

import importlib.util
import itertools

import torch
from torch import Tensor

from distill_helpers.checks import InputError
from distill_helpers.strategies.relations.triples_cpu import sums_in_one_pass

CHUNK = {"cpu": 2**18}  # numbers held at once: what a core's cache takes
LARGE_CHUNK = 2**24  # on other devices

try:
    NUMBA = importlib.util.find_spec("numba") is not None
except ImportError:
    NUMBA = False


def angle_loss(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean Huber loss between the cosines of the angles of all triples of distinct examples (Park et al., CVPR 2019, eq. 5-7).

    ours [B, D], theirs [B, D'] -> scalar. The angle at j between i and k comes from the inner products G of the centred features:
    cos = (G_ik - G_ij - G_jk + G_jj) / (d_ij d_kj), d² = G_ii + G_jj - 2 G_ij. So memory is B² numbers and a chunk of B³, never
    B² · D. Loss and gradient are made in one pass, and only ``ours`` gets a gradient; a second derivative raises InputError.
    Two examples whose features agree have no direction: their cosines are 0 and give no gradient. That holds for
    all whose d² is lost in the rounding of G, in float32 below about 1.4e-3 of the features' length.
    Raises InputError unless both have the same number of rows.
    """
    if ours.dim() != 2 or theirs.dim() != 2 or ours.shape[0] != theirs.shape[0]:
        raise InputError(f"both sides must be [B, D] with one B, but {tuple(ours.shape)} beside {tuple(theirs.shape)} was given.")
    kind = torch.promote_types(ours.dtype, torch.float32)
    return TripleLoss.apply(ours.to(kind), theirs.detach().to(kind))[0]


class TripleLoss(torch.autograd.Function):
    """(loss [...], its gradient [..., B, D]) for ours [..., B, D] and theirs [..., B, D'], each leading size of theirs that of ours or 1."""

    @staticmethod
    def forward(ours, theirs):
        leading = ours.shape[:-2]
        # where theirs has size 1, one teacher serves all students of that dimension
        order = sorted(range(len(leading)), key=lambda d: theirs.shape[d] == 1)
        teachers = theirs.permute(*order, -2, -1).flatten(0, -3) if order else theirs.unsqueeze(0)
        students = ours.permute(*order, -2, -1).reshape(len(teachers), -1, *ours.shape[-2:])
        with torch.autocast(ours.device.type, enabled=False):
            losses, gradients = compared(students, teachers)
        back = [order.index(d) for d in range(len(order))]
        shape = [leading[d] for d in order]
        return losses.view(shape).permute(back), gradients.view(*shape, *ours.shape[-2:]).permute(*back, -2, -1).contiguous()

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1], inputs[0])

    @staticmethod
    def backward(ctx, slope, _):
        return Scaled.apply(slope, *ctx.saved_tensors), None

    @staticmethod
    def vmap(info, in_dims, ours, theirs):
        ours = ours.expand(info.batch_size, *ours.shape) if in_dims[0] is None else ours.movedim(in_dims[0], 0)
        theirs = theirs.unsqueeze(0) if in_dims[1] is None else theirs.movedim(in_dims[1], 0)
        return TripleLoss.apply(ours, theirs), (0, 0)


class Scaled(torch.autograd.Function):
    """slope [...] times gradient [..., B, D]. The gradient was made from ``ours`` without a graph, so this has no derivative."""

    generate_vmap_rule = True

    @staticmethod
    def forward(slope, gradient, ours):
        return slope[..., None, None] * gradient

    @staticmethod
    def setup_context(ctx, inputs, output):
        pass

    @staticmethod
    def backward(ctx, _):
        raise InputError("angle_loss has a first derivative only, but a second one was asked for: a gradient of its gradient.")


def compared(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """(losses [T, A], gradients [T, A, B, D]) of A students [T, A, B, D] beside each of T teachers [T, B, D'].

    With g the slope of the Huber loss at (j, i, k) and W = g / (d_ij d_kj), the gradient with respect to G is Σ_j W at (i, k),
    -2 Σ_k W at (j, i), and 2 Σ_k g cos / d² at (j, i), which passes through d; the diagonal makes up for the last two.
    """
    b = ours.shape[-2]
    ours, products, inverse = geometry(ours)
    _, *wanted = geometry(theirs)
    sums = sums_in_one_pass if in_one_pass(ours) else sums_by_chunk
    losses, between, beside, through = sums(products, inverse, *wanted)
    beside -= through
    total = between - 2 * beside
    total.diagonal(dim1=-2, dim2=-1).add_(beside.sum(-1) - through.sum(-2))
    triples = max(1, b * (b - 1) * (b - 2))
    return losses / triples, (total + total.mT) @ ours / triples


def in_one_pass(x: Tensor) -> bool:
    """True where the compiled pass can be taken: on a processor, Numba installed, and not while something is traced or transformed."""
    plain = not torch.compiler.is_compiling() and not torch._C._functorch.is_functorch_wrapped_tensor(x)
    return x.device.type == "cpu" and plain and NUMBA


def sums_by_chunk(products: Tensor, inverse: Tensor, their_products: Tensor, their_inverse: Tensor):
    """(losses [T, A], Σ_j W [T, A, B, B] at (i, k), Σ_k W at (j, i), Σ_k g cos / d² at (j, i)), from a chunk of B³ at a time.

    products, inverse [T, A, B, B]; of the teachers [T, B, B].
    """
    students, b = products.shape[1:3]
    limit = CHUNK.get(products.device.type, LARGE_CHUNK)
    corners = max(1, min(b, limit // b**2))
    group = max(1, min(students, limit // (corners * b**2)))
    target, *work = products.new_empty(1, corners, b, b), *products.new_empty(4, group, corners, b, b)
    losses, (between, beside, through) = products.new_zeros(products.shape[:2]), products.new_zeros(3, *products.shape)
    for t, j in itertools.product(range(len(products)), parts(b, corners)):
        corner = j.stop - j.start
        wanted = target[:, :corner]
        cosines(their_products[t, None], their_inverse[t, None], j, wanted, work[0][:1, :corner])
        for a in parts(students, group):
            scale, cos, gap, slope = (x[: a.stop - a.start, :corner] for x in work)
            cosines(products[t, a], inverse[t, a], j, cos, scale)
            torch.sub(cos, wanted, out=gap)
            gap.diagonal(dim1=-2, dim2=-1).zero_()
            torch.clamp(gap, -1, 1, out=slope)
            losses[t, a] += gap.sub_(slope, alpha=0.5).mul_(slope).sum((1, 2, 3))
            through[t, a, j] = cos.mul_(slope).sum(-1)
            beside[t, a, j] = scale.mul_(slope).sum(-1)
            between[t, a] += scale.sum(1)
    return losses, between, beside, through.mul_(inverse.square())


def geometry(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centred features [..., B, D], their inner products [..., B, B], and 1/d [..., B, B], which is 0 where two examples agree."""
    x = x - x.mean(-2, keepdim=True)
    # a GPU may round the factors of a product in single precision to ten bits
    products = (x.double() @ x.double().mT).to(x.dtype) if x.is_cuda else x @ x.mT
    length = products.diagonal(dim1=-2, dim2=-1)
    both = length.unsqueeze(-1) + length.unsqueeze(-2)
    squared = both - 2 * products
    apart = (squared > 16 * torch.finfo(x.dtype).eps * both) & ~torch.eye(x.shape[-2], dtype=torch.bool, device=x.device)
    return x, products, torch.where(apart, (squared.clamp(min=0) + 1e-12).rsqrt(), 0)


def cosines(products: Tensor, inverse: Tensor, j: slice, cos: Tensor, scale: Tensor) -> None:
    """Fills cos [A, J, B, B] with the cosine at j between i and k, and scale with 1 / (d_ij d_kj)."""
    ray = products[:, j] - 0.5 * products.diagonal(dim1=-2, dim2=-1)[:, j, None]
    torch.mul(inverse[:, j, :, None], inverse[:, j, None, :], out=scale)
    torch.sub(products[:, None], ray[..., None], out=cos)
    cos.sub_(ray[:, :, None]).mul_(scale)


def parts(count: int, size: int) -> list[slice]:
    """Slices of at most ``size`` that cover ``count``."""
    return [slice(at, min(at + size, count)) for at in range(0, count, size)]
