"""What the lesson's own records hold: many classes, other drawings, memory; differences with intervals over replicates."""

from functools import lru_cache

import numpy as np

from distill_helpers.checks import InputError
from distill_helpers.course.lessons.imagenet import records_classes, records_memory, records_vendors
from distill_helpers.course.lessons.imagenet.memory import WARM
from distill_helpers.course.records import read_record
from distill_helpers.measure.statistics import Difference, interval, paired


class Table:
    """A record's rows, looked up by the value of one column (``by``) and the arm."""

    def __init__(self, rows, by: str):
        self.rows, self.by = rows, by
        self.values, self.arms = list(dict.fromkeys(rows[by])), list(dict.fromkeys(rows.arm))

    def column(self, value, arm: str, name: str = "accuracy") -> np.ndarray:
        """One number a replicate, [R]."""
        mine = self.rows[(self.rows[self.by] == value) & (self.rows.arm == arm)].sort_values("replicate")
        if not len(mine):
            raise InputError(f"arm must be one of {', '.join(self.arms)} at one of {self.values}, but {arm!r} at {value!r} was given.")
        return mine[name].to_numpy(dtype=float)

    def mean(self, value, arm: str, name: str = "accuracy") -> Difference:
        """The mean over replicates, with its interval."""
        return interval(self.column(value, arm, name), name=arm)

    def gain(self, value, arm: str, against: str, name: str = "accuracy") -> Difference:
        """One arm minus another on the same pictures."""
        lost = (self.column(value, arm, "diverged") + self.column(value, against, "diverged")) > 0
        return paired(self.column(value, arm, name), self.column(value, against, name), name=f"{arm} - {against}", diverged=int(lost.sum()))

    def share(self, value, arm: str, of: str, name: str = "accuracy") -> Difference:
        """The arm's accuracy as a share of another's, within each replicate."""
        return interval(self.column(value, arm, name) / self.column(value, of, name), name=f"{arm} / {of}")

    def falls(self, arm: str, near, far, name: str = "accuracy") -> Difference:
        """By how much the arm is better at ``near`` than at ``far``, paired by replicate."""
        return paired(self.column(near, arm, name), self.column(far, arm, name), name=f"{arm}: {near} - {far}")


@lru_cache(maxsize=1)
def classes() -> Table:
    """The record of many classes: "alone", "soft targets" and "teacher" by number of classes."""
    rows = read_record(records_classes.__name__)
    return Table(rows[rows.part == "read"], "classes")


@lru_cache(maxsize=1)
def vendors() -> Table:
    """The record of drawings: the arms of ``vendors.ARMS`` and "teacher" by the vendor whose drawings are read."""
    return Table(read_record(records_vendors.__name__), "vendor")


class Memory:
    """The record of memory: resident MB by step, for each amount of pictures."""

    def __init__(self):
        self.rows = read_record(records_memory.__name__)
        self.amounts = sorted(self.rows.pictures.unique().tolist())

    def of(self, pictures: int):
        """The rows of one amount, by step."""
        return self.rows[self.rows.pictures == pictures].sort_values("step")

    def rise(self, pictures: int) -> float:
        """MB by which resident memory rose, at most, after the first steps."""
        after = self.of(pictures)
        after = after[after.step >= WARM].resident
        return float(after.max() - after.iloc[0])

    def apart(self) -> float:
        """MB between the most that was resident over the largest and over the smallest amount."""
        most = [float(self.of(n).resident.max()) for n in (self.amounts[0], self.amounts[-1])]
        return most[1] - most[0]


@lru_cache(maxsize=1)
def memory() -> Memory:
    """The record, read once."""
    return Memory()
