"""The ways to train the lesson's student, each with what it sees and who answers, and the run that all records share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch

from distill_helpers.comparison import Arm, Comparison, compare
from distill_helpers.course.lessons.soft_targets.halves import ALL, FEW, FIRST, REPLICATES, pool, replicates, teachers
from distill_helpers.data import ImageSet, load_digits_cut
from distill_helpers.models import digits_student
from distill_helpers.strategies import ClassMeanTeacher, HardLabels, LabelSmoothing, PseudoLabels, SoftTargets
from distill_helpers.training import Recipe, Teacher

STEPS, MORE = 1000, 500  # k steps, and n more
RECIPE = Recipe(steps=STEPS, lr=1e-2, weight_decay=0.05)


@dataclass(frozen=True)
class Way:
    """One way to train. seen: "labelled" images only, or "all" of the student's. build: its numbers -> Strategy. asked: who answers: nobody, the
    "teacher", a "random" one, or the "earlier student" trained alone. steps: of training; begins: the finished student that it goes on from.
    """

    seen: str
    build: Callable
    asked: str = ""
    steps: int = STEPS
    begins: str = ""


def _soft(temperature, weight, **_):
    return SoftTargets(temperature, weight)


def _hard(**_):
    return HardLabels()


WAYS = {
    "alone": Way("labelled", _hard),
    "alone, twice as long": Way("labelled", _hard, steps=2 * STEPS),
    "label smoothing": Way("labelled", lambda smoothing, **_: LabelSmoothing(smoothing)),
    "soft targets, labelled images": Way("labelled", _soft, "teacher"),
    "soft targets, all images": Way("all", _soft, "teacher"),
    "pseudo-labels": Way("all", lambda **_: PseudoLabels(), "teacher"),
    "self-training": Way("all", lambda **_: PseudoLabels(), "earlier student"),
    "class means": Way("all", lambda temperature, weight, **_: ClassMeanTeacher(SoftTargets(temperature, weight)), "teacher"),
    "random teacher": Way("all", _soft, "random"),
    "distil longer": Way("all", _soft, "teacher", steps=STEPS + MORE),
    "distil, then labels": Way("labelled", _hard, steps=MORE, begins="soft targets, all images"),
    "answers only": Way("all", _soft, "teacher"),  # at a weight of 1: no label is used
    "answers only, then labels": Way("labelled", _hard, steps=MORE, begins="answers only"),
}  # fmt: skip
ONLY, ONLY_ON = "answers only", "answers only, then labels"
# an arm that is another for more steps, with that one's settings
LONGER = {"alone, twice as long": "alone", "distil longer": "soft targets, all images"}
# where all images have their label these are the same run as another
SAME_WITH_ALL = ("soft targets, labelled images", "pseudo-labels", "self-training")
# run in the two registered regimes only
REGISTERED_ONLY = ("alone, twice as long", "label smoothing", "random teacher", "distil longer", "distil, then labels", ONLY, ONLY_ON)


def arms_at(labels: int) -> list[str]:
    """The arms that are run with so many labels."""
    left_out = (SAME_WITH_ALL if labels == ALL else ()) + (() if labels in (FEW, ALL) else REGISTERED_ONLY)
    return [name for name in WAYS if name not in left_out]


@lru_cache(maxsize=None)
def random_teachers(count: int, first: int) -> list[Teacher]:
    """The teachers' architecture with weights drawn anew, one for each replicate, over the same images."""
    return [teacher.untrained(first + r) for r, teacher in enumerate(teachers(count, first))]


def train(name: str, labels: int, cells: list[dict], count: int = REPLICATES, first: int = FIRST, earlier=None,
          test: ImageSet | None = None) -> Comparison:  # fmt: skip
    """The arm at each cell of numbers, as a Comparison whose arms are "0", "1", ...; a cell may hold lr and weight_decay.

    earlier: for self-training and for training on, the finished students, one for each replicate. test: by default the digits read at the end.
    """
    way, drawn = WAYS[name], replicates(labels, WAYS[name].seen, count, first)
    arms = {str(i): Arm(way.build(**cell), **{k: cell[k] for k in ("lr", "weight_decay") if k in cell}) for i, cell in enumerate(cells)}
    asked = {"": lambda: None, "teacher": lambda: teachers(count, first), "random": lambda: random_teachers(count, first),
             "earlier student": lambda: [Teacher(m).over(pool().subset(r.rows))
                                         for m, r in zip(earlier, drawn, strict=True)]}[way.asked]()  # fmt: skip
    if asked and way.seen == "labelled":
        asked = [t.module for t in asked]
    begin = iter(earlier) if way.begins else None
    return compare(digits_student if begin is None else lambda: next(begin), asked, pool(), arms, test=test or load_digits_cut().test,
                   replicates=drawn, recipe=RECIPE if way.steps == STEPS else _longer(way.steps), progress=False)  # fmt: skip


def _longer(steps: int) -> Recipe:
    return Recipe(steps=steps, lr=RECIPE.lr, weight_decay=RECIPE.weight_decay)


def students(found: Comparison, arm: str = "0") -> list[torch.nn.Module]:
    """The trained students of one arm, one for each replicate."""
    return [found.model(arm, r) for r in range(len(found.replicates))]
