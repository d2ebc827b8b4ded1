"""What the record of the side experiments holds, as differences with intervals over replicates, each of which reads pictures of its own."""

from functools import lru_cache

import numpy as np

from distill_helpers.checks import InputError
from distill_helpers.course.lessons.cifar10 import records_sides
from distill_helpers.course.records import read_record
from distill_helpers.measure.statistics import Difference, interval, paired

TUNED, AT_05 = "read", "published rate"


class Sides:
    """The recorded arms. rows: the table. part: the rate that the search chose (TUNED), or the published one (AT_05)."""

    def __init__(self):
        self.rows = read_record(records_sides.__name__)
        self.arms = list(dict.fromkeys(self.rows.arm))

    def column(self, arm: str, name: str = "accuracy", part: str = TUNED) -> np.ndarray:
        """One number a replicate, [R]."""
        mine = self.rows[(self.rows.arm == arm) & (self.rows.part == part)].sort_values("replicate")
        if not len(mine):
            raise InputError(f"arm must be one of {', '.join(self.arms)}, but {arm!r} at the {part!r} was given.")
        return mine[name].to_numpy(dtype=float)

    def mean(self, arm: str, name: str = "accuracy", part: str = TUNED) -> Difference:
        """The mean over replicates, with its interval."""
        return interval(self.column(arm, name, part), name=arm)

    def gain(self, arm: str, against: str, part: str = TUNED, other: str | None = None) -> Difference:
        """Accuracy of one arm minus another's on the same pictures. other: the part of the second arm, by default that of the first."""
        other = other or part
        lost = (self.column(arm, "diverged", part) + self.column(against, "diverged", other)) > 0
        return paired(self.column(arm, part=part), self.column(against, part=other), name=f"{arm} - {against}", diverged=int(lost.sum()))

    def grows(self, soft: str, alone: str, soft_before: str, alone_before: str) -> Difference:
        """By how much the gain of the first pair is above the gain of the second."""
        gains = [self.column(a) - self.column(b) for a, b in ((soft, alone), (soft_before, alone_before))]
        return paired(*gains, name=f"gain of {soft} - gain of {soft_before}")


@lru_cache(maxsize=1)
def sides() -> Sides:
    """The record, read once."""
    return Sides()
