"""What the strategies on features share: which features stand beside which, projectors, and the geometry of a batch."""

import contextlib

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distill_helpers.checks import InputError, at_least
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy


class FeatureStrategy(Strategy):
    """Base of the strategies on features.

    Its dataclasses have the fields ``student_layers`` and ``teacher_layers`` (a feature's name, or as many names on either
    side), ``weight`` and ``labels``: the weight of cross-entropy on labels, 0 for none.
    """

    honours_task = True
    needs_labels = property(lambda self: counts(self.labels))
    signals = property(lambda self: ("labels", "features") if self.needs_labels else ("features",))
    teacher_features = property(lambda self: names(self.teacher_layers))

    def __post_init__(self):
        ours, theirs = names(self.student_layers), names(self.teacher_layers)
        if len(ours) != len(theirs) or not ours:
            raise InputError(f"student_layers must name one feature for each of teacher_layers, but {ours} beside {theirs} was given.")
        at_least("labels", self.labels, 0)
        at_least("weight", getattr(self, "weight", 0), 0)

    def pairs(self, ours, theirs) -> list[tuple[Tensor, Tensor]]:
        """(student's feature, teacher's feature) for each pair of names, from the Outputs of both."""
        named = zip(names(self.student_layers), names(self.teacher_layers), strict=True)
        return [(ours.features[s], theirs.features[t].detach()) for s, t in named]

    def task(self, out, batch) -> dict[str, Tensor]:
        """The paper's own task: labels · cross-entropy, or no term at all where ``labels`` is 0."""
        if not counts(self.labels):
            return {}
        y = require_class_targets(batch.y, type(self).__name__)
        return {"hard": self.labels * cross_entropy(out.logits, y, batch.task)}


def counts(weight) -> bool:
    """Whether a weight is anything but the number 0; a mapped weight of a grid is a tensor, which always counts."""
    return isinstance(weight, Tensor) or weight != 0


def not_in_a_grid(strategy: str, **values) -> None:
    """Raise when one of these settings is a tensor, that is, varied by a grid: what they build is made once for all students."""
    for name, value in values.items():
        if isinstance(value, Tensor):
            raise InputError(f"a grid cannot vary {name} of {strategy}, because what it sets is built once for all students.")


def names(layers) -> tuple[str, ...]:
    """One name or several, as a tuple."""
    return (layers,) if isinstance(layers, str) else tuple(layers)


def same_kind(ours: Tensor, theirs: Tensor) -> None:
    """Raise unless both features are vectors [B, D] or both are maps [B, C, H, W]."""
    if ours.dim() != theirs.dim() or ours.dim() not in (2, 4):
        given = f"{tuple(ours.shape)} beside {tuple(theirs.shape)}"
        raise InputError(f"student_layers must name features of the teacher's kind, both [B, D] or both [B, C, H, W], but {given} was given.")


def require_maps(feature: Tensor, strategy: str) -> None:
    """Raise unless the feature is a map with at least two positions."""
    if feature.dim() != 4 or feature.shape[-1] * feature.shape[-2] < 2:
        raise InputError(f"{strategy} needs maps [B, C, H, W] of at least two positions, but a feature is {tuple(feature.shape)}.")


def projector(ours: Tensor, theirs: Tensor) -> nn.Module:
    """From the student's width to the teacher's: linear for vectors [B, D], a 1x1 convolution for maps [B, C, H, W]."""
    same_kind(ours, theirs)
    wide = ours.shape[1], theirs.shape[1]
    return nn.Linear(*wide) if ours.dim() == 2 else nn.Conv2d(*wide, kernel_size=1)


def connectors(pairs) -> dict[str, nn.Module]:
    """"connector<i>", a projector, for each pair whose widths differ."""
    for s, t in pairs:
        same_kind(s, t)
    return {f"connector{i}": projector(s, t) for i, (s, t) in enumerate(pairs) if s.shape[1] != t.shape[1]}


def connect(student, pairs) -> list[tuple[Tensor, Tensor]]:
    """The pairs with the student's side brought to the teacher's width where the widths differ."""
    return [(s if s.shape[1] == t.shape[1] else student.extra(f"connector{i}", s), t) for i, (s, t) in enumerate(pairs)]


def on_one_grid(a: Tensor, b: Tensor, pool=F.adaptive_avg_pool2d) -> tuple[Tensor, Tensor]:
    """Two maps on the coarser of their grids, the finer one pooled; vectors stay as they are."""
    if a.dim() != 4 or a.shape[-2:] == b.shape[-2:]:
        return a, b
    grid = tuple(min(m, n) for m, n in zip(a.shape[-2:], b.shape[-2:], strict=True))
    return tuple(f if f.shape[-2:] == grid else pool(f, grid) for f in (a, b))


def unit(x: Tensor, dim: int = -1) -> Tensor:
    """x scaled to Euclidean length 1 along ``dim``; zero stays zero, and its gradient stays finite."""
    return x * (x.square().sum(dim, keepdim=True) + 1e-12).rsqrt()


def off_diagonal(x: Tensor) -> Tensor:
    """[B, B], 0 where an example meets itself and 1 elsewhere, for x [B, ...]."""
    return 1 - torch.eye(x.shape[0], dtype=x.dtype, device=x.device)


def frozen_products(x: Tensor) -> Tensor:
    """Inner products of all examples of a teacher's features, x [B, D] -> [B, B], without a gradient; made once for all strategies of a step."""
    return FrozenProducts.apply(x.detach())


class FrozenProducts(torch.autograd.Function):
    """x xᵀ of features [..., B, D] through which nothing is learnt, remembered until others are asked about, or the training ends."""

    last: tuple | None = None  # (features, their version, precision, products, their version)

    @staticmethod
    def forward(x):
        if x.is_inference():  # such tensors have no version
            return x @ x.mT
        kind, kept = x.device.type, FrozenProducts.last
        precision = torch.is_autocast_enabled(kind) and torch.get_autocast_dtype(kind)
        if kept is None or not _same_memory(kept[0], x) or kept[1:3] != (x._version, precision) or kept[3]._version != kept[4]:
            found = x @ x.mT
            if found.is_inference():
                return found
            # the features are held as well, so that their memory is not given to others meanwhile
            kept = FrozenProducts.last = (x.detach(), x._version, precision, found, found._version)
        return kept[3]

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output)

    @staticmethod
    def vmap(info, in_dims, x):
        return FrozenProducts.apply(x.movedim(in_dims[0], 0)), 0


@contextlib.contextmanager
def remembered_products():
    """What ``frozen_products`` remembers is forgotten at the end of the block."""
    try:
        yield
    finally:
        FrozenProducts.last = None


def _same_memory(a: Tensor, b: Tensor) -> bool:
    return a.data_ptr() == b.data_ptr() and a.shape == b.shape and a.stride() == b.stride() and a.dtype == b.dtype and a.device == b.device


def pairwise_distances(x: Tensor, products: Tensor | None = None) -> Tensor:
    """Euclidean distances between all examples, x [B, D] -> [B, B]; finite gradients also where two examples agree.

    From inner products, so that no [B, B, D] numbers are needed; rounding may leave 1e-3 of the vectors' length. products: x xᵀ, where known.
    """
    length = x.square().sum(-1)
    squared = length.unsqueeze(0) + length.unsqueeze(1) - 2 * (x @ x.T if products is None else products)
    return (squared.clamp(min=0) + 1e-12).sqrt() * off_diagonal(x)
