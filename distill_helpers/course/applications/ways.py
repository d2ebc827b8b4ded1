"""The arms of every application: how each trains, what it may choose, and in which order it chooses.

Two of them were fixed before any application was run, by their rank on validation in the tournament, among the strategies that read outputs: the
best that asks the teacher in each step (soft targets on mixed images), and the best whose teacher answers once (relabelling).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

from distill_helpers.strategies import (
    HardLabels,
    JacobianMatching,
    MixupDistillation,
    PseudoLabels,
    Relabelled,
    SoftTargets,
    StandardisedTargets,
    VirtualAdversarial,
)

RATES = (0.001, 0.004, 0.016, 0.064, 0.256)
DECAYS = (0.0, 0.1, 1.0)
MIDDLE = 0.016  # the rate at which a strategy's own numbers are chosen
HEATS = (0.25, 1.0, 4.0, 16.0, 64.0)

ALONE, LONGER, PSEUDO, SELF, SOFT = "alone", "alone for longer", "pseudo-labels", "self-training", "soft targets"


def _cells(**values) -> list[dict]:
    return [dict(zip(values, chosen, strict=True)) | {"lr": MIDDLE} for chosen in product(*values.values())]


@dataclass(frozen=True)
class Way:
    """One way to train. build: its numbers -> Strategy. cells: its own settings at the rate MIDDLE; none for a way that tunes rate and decay only.
    teacher: whether somebody answers. unlabelled_only: whether it is another arm where every image has its label. bounds: {number: values that
    nothing lies beyond}. Every way is searched over fifteen settings.
    """

    build: Callable
    cells: tuple = ()
    teacher: bool = True
    unlabelled_only: bool = False
    bounds: tuple = (("weight_decay", 0.0), ("weight", 0.0), ("weight", 1.0), ("threshold", 1.0))

    def stages(self) -> list[Callable]:
        """What is searched, in order: each a function of the best cell so far that gives cells, dicts of numbers."""
        if not self.cells:
            return [lambda best: [{"lr": r, "weight_decay": d} for r in RATES for d in DECAYS]]
        return [lambda best: list(self.cells), lambda best: [best | {"lr": r} for r in RATES if r != MIDDLE]]


def _cells(without: dict, **values) -> tuple:
    """All combinations of the values, and the cell ``without`` the teacher, or without what the strategy adds."""
    cells = [dict(zip(values, chosen, strict=True)) for chosen in product(*values.values())]
    return tuple(cell | {"lr": MIDDLE} for cell in (*cells, without))


def _soft(temperature, weight, **_):
    return SoftTargets(temperature, weight)


_AT_LEAST_0 = (("weight", 0.0),)
WAYS = {
    ALONE: Way(lambda **_: HardLabels(), teacher=False),
    LONGER: Way(lambda **_: HardLabels(), teacher=False),
    PSEUDO: Way(lambda **_: PseudoLabels(), unlabelled_only=True),
    SELF: Way(lambda **_: PseudoLabels(), unlabelled_only=True),
    # a weight of 0 is labels alone, whatever the temperature
    SOFT: Way(_soft, _cells({"temperature": 4.0, "weight": 0.0}, temperature=HEATS, weight=(0.5, 1.0))),
    "soft targets, mixup": Way(
        lambda alpha, temperature, weight, **_: MixupDistillation(alpha, temperature=temperature, weight=weight),
        _cells({"alpha": 0.2, "temperature": 4.0, "weight": 0.0}, alpha=(0.2, 1.0), temperature=HEATS, weight=(0.9,)),
        bounds=(("weight", 0.0), ("weight", 0.9)),  # one weight was tried beside none
    ),
    "relabelled": Way(
        lambda temperature, threshold, **_: Relabelled(SoftTargets(temperature, 0.9), threshold),
        _cells({"temperature": 4.0, "threshold": 1.0}, temperature=HEATS, threshold=(0.5, 0.9)),
        bounds=(("threshold", 0.5), ("threshold", 1.0)),  # below one half a first choice is hardly sure
    ),
    "Jacobian matching": Way(
        lambda temperature, weight, **_: JacobianMatching(SoftTargets(temperature, 0.9), weight),
        _cells({"temperature": 4.0, "weight": 0.0}, temperature=HEATS, weight=(1.0, 10.0)),
        bounds=_AT_LEAST_0,
    ),
    "virtual adversarial": Way(
        lambda temperature, weight, **_: VirtualAdversarial(SoftTargets(temperature, 0.9), weight, 1.0),
        _cells({"temperature": 4.0, "weight": 0.0}, temperature=HEATS, weight=(0.3, 1.0)),
        bounds=_AT_LEAST_0,
    ),
    "standardised logits": Way(
        lambda temperature, weight, **_: StandardisedTargets(temperature, weight),
        _cells({"temperature": 4.0, "weight": 0.0}, temperature=HEATS, weight=(0.5, 1.0)),
    ),
}
"""In the order of the figures. ``LONGER`` has the numbers of ``ALONE``, and is that arm for more steps."""

COMMON = (ALONE, LONGER, PSEUDO, SELF, SOFT, "soft targets, mixup", "relabelled")
SAME_WITH_LABELS = {PSEUDO: ALONE, SELF: ALONE}  # where every image has its label
