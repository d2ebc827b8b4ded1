"""The side experiments: batch statistics or none, standardised logits with published weights, and a strong recipe."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

from distill_helpers.comparison import Arm, compare
from distill_helpers.course.applications.task import ALL, lent_teacher, replicate_in
from distill_helpers.course.lessons.cifar10.task import CIFAR10, RECIPE, draw, student
from distill_helpers.models.resnet import SmallResNet
from distill_helpers.strategies import HardLabels, Mixup, MixupDistillation, SoftTargets, StandardisedTargets
from distill_helpers.training import Recipe, Teacher

HEAT, WEIGHT = 4.0, 0.9  # of soft targets, as Tian, Krishnan & Isola 2020 set them
LONG = 6 * RECIPE.steps
PUBLISHED = 0.05  # the rate of the published recipe for CIFAR-100
_SGD = replace(RECIPE, optimizer="sgd", momentum=0.9, weight_decay=5e-4)
_LONG = replace(RECIPE, steps=LONG, check_every=LONG)


def narrow(norm: str) -> Callable:
    """Builds a residual student of 5 thousand parameters, a quarter of the teacher's widths, with that norm."""
    return lambda: SmallResNet(8, 10, widths=(4, 8, 16), norm=norm)


@dataclass(frozen=True)
class Side:
    """One arm. rates: that it is tuned over. recipe: but for the rate. scale: of the whole loss; with SGD it is a rate that many times larger and a
    weight decay that many times smaller.
    """

    strategy: object
    rates: tuple[float, ...]
    recipe: Recipe = RECIPE
    student: Callable = student
    scale: float = 1.0


_ADAM, _SGDS = (0.004, 0.016, 0.064), (0.0125, 0.05, 0.2, 0.8)
_SOFT = SoftTargets(HEAT, WEIGHT)
SIDES = {
    "BatchNorm, alone": Side(HardLabels(), _ADAM, student=narrow("batch")),
    "BatchNorm, soft targets": Side(_SOFT, _ADAM, student=narrow("batch")),
    "GroupNorm, alone": Side(HardLabels(), _ADAM, student=narrow("group")),
    "GroupNorm, soft targets": Side(_SOFT, _ADAM, student=narrow("group")),
    "soft targets, T 4": Side(_SOFT, _SGDS, _SGD),
    "soft targets, T 2": Side(SoftTargets(2.0, WEIGHT), _SGDS, _SGD),
    "soft targets, T 2, weight 9": Side(SoftTargets(2.0, WEIGHT), (PUBLISHED,), _SGD, scale=10),
    "standardised, T 2": Side(StandardisedTargets(2.0, WEIGHT), _SGDS, _SGD),
    "standardised, T 2, weight 9": Side(StandardisedTargets(2.0, WEIGHT), (PUBLISHED,), _SGD, scale=10),
    "short, alone": Side(HardLabels(), _ADAM),
    "short, soft targets": Side(_SOFT, _ADAM),
    "long, alone": Side(HardLabels(), _ADAM, _LONG),
    "long, soft targets": Side(_SOFT, _ADAM, _LONG),
    "long, mixup, alone": Side(Mixup(0.2), _ADAM, _LONG),
    "long, mixup, soft targets": Side(MixupDistillation(0.2, temperature=HEAT, weight=WEIGHT), _ADAM, _LONG),
}
AT_PUBLISHED = ("soft targets, T 4", "soft targets, T 2", "standardised, T 2")  # read at that rate as well


def run_at(arm: str, rates, seed: int, test):
    """The arm at several rates on one replicate with all labels, as a Comparison whose arms are "0", "1", ..."""
    side, drawn = SIDES[arm], draw(seed)
    recipe = replace(side.recipe, weight_decay=side.recipe.weight_decay / side.scale, on_divergence="go on")
    arms = {str(i): Arm(side.strategy, lr=rate * side.scale) for i, rate in enumerate(rates)}
    return compare(side.student, answering(seed) if side.strategy.needs_teacher else None, drawn.pool, arms, test=test,
                   replicates=[replicate_in(CIFAR10, ALL, drawn, seed)], recipe=recipe, stack=False, progress=False)  # fmt: skip


@lru_cache(maxsize=2)
def answering(seed: int) -> Teacher:
    """The replicate's teacher with its answers to the student's pictures."""
    drawn = draw(seed)
    return Teacher(lent_teacher(CIFAR10, seed)).over(drawn.pool.subset(drawn.mine), cache=None)
