"""What the record of sizes holds: accuracy by number of parameters, and what a teacher is worth in parameters."""

from functools import lru_cache

import numpy as np

from distill_helpers.checks import InputError
from distill_helpers.course.applications.task import ALL, UNLABELLED
from distill_helpers.course.applications.ways import ALONE, SOFT
from distill_helpers.course.lessons.mnist import records_curve
from distill_helpers.course.lessons.mnist.sizes import WIDTHS, parameters
from distill_helpers.course.records import read_outcomes, read_record
from distill_helpers.measure.crossed import two_way
from distill_helpers.measure.statistics import Difference, interval

ARMS = (ALONE, SOFT)


class Curve:
    """The recorded students of all sizes. rows: the table. right: {(kind, width, regime): bool [replicate, arm, test digit]}."""

    regimes = (ALL, UNLABELLED)

    def __init__(self):
        self.rows = read_record(records_curve.__name__)
        self.right = {(s["student"], s["width"], s["regime"]): packed["right"] for s, packed in read_outcomes(records_curve.__name__)}

    def accuracy(self, kind: str, width: int, regime: str, arm: str) -> Difference:
        """Mean accuracy on test, with an interval over replicates and test digits."""
        return two_way(self._of(kind, width, regime)[:, ARMS.index(arm)].astype(float), name=f"{arm}, {kind}, width {width}")

    def gain(self, kind: str, width: int, regime: str) -> Difference:
        """Soft targets minus alone."""
        right = self._of(kind, width, regime).astype(float)
        return two_way(right[:, 1], right[:, 0], name=f"{SOFT} - {ALONE}, {kind}, width {width}")

    def means(self, kind: str, regime: str, arm: str) -> np.ndarray:
        """Accuracy of each replicate at each width, [R, widths]."""
        return np.stack([self._of(kind, w, regime)[:, ARMS.index(arm)].mean(1) for w in WIDTHS[kind]], 1)

    def worth(self, kind: str, width: int, regime: str) -> Difference | None:
        """log2 of how many times larger a student alone must be to read as many test digits as the distilled student of this width.

        Within each replicate, between the sizes that were trained (``size_that_reaches``). None where a replicate leaves the sizes tried.
        """
        place, sizes = WIDTHS[kind].index(width), [parameters(kind, w) for w in WIDTHS[kind]]
        soft, alone = self.means(kind, regime, SOFT), self.means(kind, regime, ALONE)
        reached = [size_that_reaches(target, sizes, scores) for target, scores in zip(soft[:, place], alone, strict=True)]
        if None in reached:
            return None
        return interval(np.log2(np.array(reached) / sizes[place]), name=f"worth of a teacher, {kind}, width {width}, {regime}")

    def over_best_alone(self, kind: str, width: int, regime: str) -> tuple[Difference, int]:
        """The distilled student of this size minus the best student alone of either kind and any size, and how many parameters that one has.

        The two are other nets, so the difference is not paired.
        """
        best = max(((k, w) for k, widths in WIDTHS.items() for w in widths), key=lambda kw: self.accuracy(*kw, regime, ALONE).mean)
        mine, other = self._of(kind, width, regime)[:, 1].astype(float), self._of(*best, regime)[:, 0].astype(float)
        return two_way(mine, other, name=f"{SOFT}, {kind}, width {width} - {ALONE}, {best[0]}, width {best[1]}", shared=False), parameters(*best)

    def _of(self, kind, width, regime):
        if (kind, width, regime) not in self.right:
            raise InputError(f"there is no student of kind {kind!r} and width {width!r} in the regime {regime!r}.")
        return self.right[kind, width, regime]


def size_that_reaches(accuracy: float, sizes, scores) -> float | None:
    """The smallest number of parameters whose accuracy is ``accuracy``, on the line through (log size, score); None outside of it.

    sizes: ascending; scores: one a size. Where the line goes up and down, its first crossing counts.
    """
    places, values = np.log(np.asarray(sizes, dtype=float)), np.asarray(scores, dtype=float)
    for i in range(len(values) - 1):
        if values[i] <= accuracy <= values[i + 1]:
            share = 0.0 if values[i + 1] == values[i] else (accuracy - values[i]) / (values[i + 1] - values[i])
            return float(np.exp(places[i] + share * (places[i + 1] - places[i])))
    return None


@lru_cache(maxsize=1)
def curve() -> Curve:
    """The record, read once."""
    return Curve()
