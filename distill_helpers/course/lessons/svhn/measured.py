"""What the record of shifts holds, as differences with intervals over replicates, each of which reads pictures of its own."""

from functools import lru_cache

import numpy as np
import pandas as pd

from distill_helpers.checks import InputError
from distill_helpers.course.lessons.svhn import records_control, records_other_teacher, records_shift
from distill_helpers.course.records import read_record
from distill_helpers.measure.statistics import Difference, interval, paired


class Shifted:
    """The recorded arms at each shift, and beside them two controls: of labels of the old domain, and of another teacher. rows: the table."""

    def __init__(self):
        modules = (records_shift, records_control, records_other_teacher)
        self.rows = pd.concat([read_record(module.__name__) for module in modules], ignore_index=True)
        self.shifts = sorted(self.rows["shift"].unique().tolist())
        self.arms = list(dict.fromkeys(self.rows.arm))

    def column(self, shift: float, arm: str, name: str = "accuracy") -> np.ndarray:
        """One number a replicate, [R]."""
        mine = self.rows[(self.rows["shift"] == shift) & (self.rows.arm == arm)].sort_values("replicate")
        if not len(mine):
            raise InputError(f"arm must be one of {', '.join(self.arms)} at one of {self.shifts}, but {arm!r} at {shift!r} was given.")
        return mine[name].to_numpy(dtype=float)

    def mean(self, shift: float, arm: str, name: str = "accuracy") -> Difference:
        """The mean over replicates, with its interval."""
        return interval(self.column(shift, arm, name), name=arm)

    def gain(self, shift: float, arm: str, against: str, name: str = "accuracy") -> Difference:
        """One arm minus another at the same shift, on the same pictures."""
        return paired(self.column(shift, arm, name), self.column(shift, against, name), name=f"{arm} - {against}",
                      diverged=int(((self.column(shift, arm, "diverged") + self.column(shift, against, "diverged")) > 0).sum()))  # fmt: skip

    def falls(self, arm: str, near: float = 0.0, far: float = 1.0) -> Difference:
        """By how much the arm's accuracy at the shift ``far`` is below that at ``near``; paired by replicate, each with other pictures."""
        return paired(self.column(near, arm), self.column(far, arm), name=f"{arm}: shift {near:g} - {far:g}")

    def grows(self, arm: str, against: str, near: float = 0.0, far: float = 1.0, name: str = "accuracy") -> Difference:
        """By how much the gain at the shift ``far`` is above the gain at ``near``."""
        gains = [self.column(s, arm, name) - self.column(s, against, name) for s in (far, near)]
        return paired(*gains, name=f"gain of {arm}: shift {far:g} - {near:g}")


@lru_cache(maxsize=1)
def shifted() -> Shifted:
    """The record, read once."""
    return Shifted()
