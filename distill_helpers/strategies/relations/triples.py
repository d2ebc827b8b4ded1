"""The angles of all triples of a batch, compared between student and teacher from inner products alone."""

import itertools

import torch
from torch import Tensor

from distill_helpers.checks import InputError

CHUNK = {"cpu": 2**18}  # numbers held at once: what a core's cache takes
LARGE_CHUNK = 2**24  # on other devices


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
        losses, gradients = ours.new_empty(ours.shape[:-2]), torch.empty_like(ours, memory_format=torch.contiguous_format)
        with torch.autocast(ours.device.type, enabled=False):
            for place in itertools.product(*(range(size) for size in theirs.shape[:-2])):
                # where theirs has size 1, one teacher serves all students of that dimension
                here = tuple(at if size > 1 else slice(None) for at, size in zip(place, theirs.shape[:-2], strict=True))
                mine = ours[here]
                loss, gradient = compared(mine.reshape(-1, *mine.shape[-2:]), theirs[place])
                losses[here] = loss.view(mine.shape[:-2])
                gradients[here] = gradient.view(mine.shape)
        return losses, gradients

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
    """(losses [A], gradients [A, B, D]) of A students [A, B, D] beside one teacher [B, D'].

    With g the slope of the Huber loss at (j, i, k) and W = g / (d_ij d_kj), the gradient with respect to G is Σ_j W at (i, k),
    -2 Σ_k W at (j, i), and 2 Σ_k g cos / d² at (j, i), which passes through d; the diagonal makes up for the last two.
    """
    students, b = ours.shape[:2]
    ours, products, inverse = geometry(ours)
    _, their_products, their_inverse = geometry(theirs.unsqueeze(0))
    limit = CHUNK.get(ours.device.type, LARGE_CHUNK)
    corners = max(1, min(b, limit // b**2))
    group = max(1, min(students, limit // (corners * b**2)))
    target, *work = ours.new_empty(1, corners, b, b), *ours.new_empty(4, group, corners, b, b)
    losses, between, beside, through = ours.new_zeros(students), *torch.zeros(3, *products.shape, dtype=ours.dtype, device=ours.device)
    for j in parts(b, corners):
        corner = j.stop - j.start
        wanted = target[:, :corner]
        cosines(their_products, their_inverse, j, wanted, work[0][:1, :corner])
        for a in parts(students, group):
            scale, cos, gap, slope = (x[: a.stop - a.start, :corner] for x in work)
            cosines(products[a], inverse[a], j, cos, scale)
            torch.sub(cos, wanted, out=gap)
            gap.diagonal(dim1=-2, dim2=-1).zero_()
            torch.clamp(gap, -1, 1, out=slope)
            losses[a] += gap.sub_(slope, alpha=0.5).mul_(slope).sum((1, 2, 3))
            through[a, j] = cos.mul_(slope).sum(-1)
            beside[a, j] = scale.mul_(slope).sum(-1)
            between[a] += scale.sum(1)
    beside -= through.mul_(inverse.square())
    total = between - 2 * beside
    total.diagonal(dim1=-2, dim2=-1).add_(beside.sum(-1) - through.sum(-2))
    triples = max(1, b * (b - 1) * (b - 2))
    return losses / triples, (total + total.mT) @ ours / triples


def geometry(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Centred features [A, B, D], their inner products [A, B, B], and 1/d [A, B, B], which is 0 where two examples agree."""
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
