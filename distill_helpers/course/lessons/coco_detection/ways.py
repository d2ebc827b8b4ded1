"""The arms of the lesson: how each trains, what it may choose, and in which order it chooses."""

from collections.abc import Callable
from dataclasses import dataclass

from distill_helpers.course.applications.task import FEW, UNLABELLED
from distill_helpers.course.applications.ways import ALONE, LONGER
from distill_helpers.strategies import Combined, DetectionLoss, PearsonDistillation, PseudoBoxes, ShuffledTeacher, SoftDetections

PSEUDO, SOFT, PKD, OTHER = "pseudo-boxes", "soft detections", "PKD", "PKD of another picture"
RATES = (0.004, 0.012, 0.036)
MIDDLE = 0.012  # the rate at which a strategy's own number is chosen
DECAYS = (0.0, 0.1, 1.0)
WEIGHTS = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class Way:
    """One way to train. build: its numbers -> Strategy. number: the one that is its own, with the values tried at the rate MIDDLE; None for a
    way that tunes rate and decay only. teacher: whether somebody answers. bounds: values that nothing lies beyond. All are searched over nine.
    """

    build: Callable
    number: str | None = None
    values: tuple[float, ...] = ()
    teacher: bool = True
    bounds: tuple = (("weight_decay", 0.0), ("weight", 0.0), ("threshold", 1.0))

    def stages(self) -> list[Callable]:
        """What is searched, in order: each a function of the best cell so far that gives cells, dicts of numbers."""
        if self.number is None:
            return [lambda best: [{"lr": r, "weight_decay": d} for r in RATES for d in DECAYS]]
        return [lambda best: [{self.number: value, "lr": MIDDLE} for value in self.values],
                lambda best: [best | {"lr": r} for r in RATES if r != MIDDLE]]  # fmt: skip


def soft(weight, **_):
    """Boxes, and at every place the teacher's classes, box and centerness, all with one weight."""
    return Combined((DetectionLoss(), SoftDetections(weight, weight, weight)))


def pkd(weight, **_):
    """Boxes, and maps that vary as the teacher's do."""
    return Combined((DetectionLoss(), PearsonDistillation(weight=weight)))


def of_another(weight, **_):
    """The control: the same, with the teacher's maps of another picture, the same one throughout."""
    return Combined((DetectionLoss(), ShuffledTeacher(PearsonDistillation(weight=weight))))


WAYS = {
    ALONE: Way(lambda **_: DetectionLoss(), teacher=False),
    LONGER: Way(lambda **_: DetectionLoss(), teacher=False),
    PSEUDO: Way(lambda threshold, **_: PseudoBoxes(DetectionLoss(), threshold), "threshold", THRESHOLDS),
    SOFT: Way(soft, "weight", WEIGHTS),
    PKD: Way(pkd, "weight", WEIGHTS),
    OTHER: Way(of_another, "weight", WEIGHTS),
}
"""In the order of the figures. ``LONGER`` has the numbers of ``ALONE``, and is that arm for more steps."""


def arms_in(regime: str) -> tuple[str, ...]:
    """The arms that are trained in the regime: pseudo-boxes want pictures without boxes, and alone never sees one."""
    if regime == UNLABELLED:
        return PSEUDO, SOFT, PKD, OTHER
    return ALONE, LONGER, SOFT, PKD, OTHER


def to_search(regime: str) -> tuple[str, ...]:
    """The arms that are searched in the regime; alone for longer has the numbers of alone."""
    return tuple(arm for arm in arms_in(regime) if arm != LONGER)


def where(regime: str, arm: str) -> tuple[str, str]:
    """(regime, arm) of the run that stands for an arm: alone has no use for pictures without boxes, and where every picture has its boxes,
    pseudo-boxes are the student alone.
    """
    if regime == UNLABELLED:
        return (FEW, arm) if arm in (ALONE, LONGER) else (regime, arm)
    return regime, ALONE if arm == PSEUDO else arm
