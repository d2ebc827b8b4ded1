"""What the records of the arms hold, as differences with intervals that cover replicates and test digits together."""

from functools import lru_cache

import numpy as np

from distill_helpers.checks import InputError, needed
from distill_helpers.course.lessons.soft_targets import (
    choosing,
    records_arms,
    records_controls,
    records_longer,
    records_pooled,
    records_search,
    records_twice,
)
from distill_helpers.course.lessons.soft_targets.arms import SAME_WITH_ALL, WAYS, arms_at
from distill_helpers.course.lessons.soft_targets.halves import ALL, FEW
from distill_helpers.course.records import read_outcomes, read_record
from distill_helpers.data import load_digits_cut
from distill_helpers.measure.crossed import two_way
from distill_helpers.measure.statistics import Difference

BINS = 15
MORE_ARMS = records_pooled, records_longer, records_twice
SOFT, ALONE, TEACHER = "soft targets, all images", "alone", "teacher"


class Measured:
    """The recorded arms. rows: the table. Arms are named as in ``WAYS``, ``records_pooled`` and ``records_longer``; "teacher" is the teacher."""

    def __init__(self):
        further = [read_record(module.__name__).query("part == 'read'") for module in MORE_ARMS]
        self.rows = needed("pandas").concat([read_record(records_arms.__name__), *further], ignore_index=True)
        modules = (records_arms, *MORE_ARMS)
        self.kept = {(s["labels"], s["arm"]): packed for module in modules for s, packed in read_outcomes(module.__name__)}
        self.labels = load_digits_cut().test.labels.numpy()

    def arms(self, labels: int) -> list[str]:
        """The arms that have the labels and images of the student's half only, the teacher left out."""
        longer = [records_longer.SOFT_TWICE, records_twice.SMOOTHED] if labels == ALL else []
        return arms_at(labels) + ([records_pooled.ONLY_LONGER, records_longer.ONLY_AS_BEFORE] if labels in (FEW, ALL) else []) + longer

    def same_as(self, labels: int, arm: str) -> str:
        """The arm that was run in its place: with all labels, several are the same training run."""
        if arm == TEACHER or labels != ALL or arm not in SAME_WITH_ALL:
            return arm
        return SOFT if arm == "soft targets, labelled images" else ALONE

    def column(self, labels: int, arm: str, name: str) -> np.ndarray:
        """One number a replicate, [R]."""
        at = ALL if arm == TEACHER else labels
        mine = self.rows[(self.rows.labels == at) & (self.rows.arm == self.same_as(labels, arm))]
        if not len(mine):
            raise InputError(f"arm must be one of {', '.join((*WAYS, TEACHER))} that was run with {labels} labels, but {arm!r} was given.")
        return mine.sort_values("replicate")[name].to_numpy(dtype=float)

    def right(self, labels: int, arm: str) -> np.ndarray:
        """Right or wrong, [R, test digits]."""
        return self._kept(labels, arm, "right").astype(float)

    def confidence(self, labels: int, arm: str) -> np.ndarray:
        """Probability of the first choice, [R, test digits]."""
        return self._kept(labels, arm, "confidence").astype(float)

    def _kept(self, labels, arm, name):
        return self.kept[ALL if arm == TEACHER else labels, self.same_as(labels, arm)][name][:, 0]

    def lost(self, labels: int, *arms: str) -> int:
        """Replicates in which one of the arms diverged."""
        return int(np.any([self.column(labels, arm, "diverged") > 0 for arm in arms], axis=0).sum())

    def accuracy(self, labels: int, arm: str) -> Difference:
        """Mean accuracy on the test digits."""
        return two_way(self.right(labels, arm), name=arm)

    def in_order(self, labels: int, *arms: str) -> bool:
        """Whether the arms see the same images in the same order, and so are paired by replicate: all do where every image has its label, else
        those that learn from all images, and those that learn from the labelled ones. Training on has the order of the student that it begins from.
        """
        everything = {arm: WAYS[arm].seen == "all" or bool(WAYS[arm].begins) for arm in arms if arm in WAYS}
        return labels == ALL or len({everything.get(arm, True) for arm in arms}) == 1

    def gain(self, labels: int, arm: str, against: str = ALONE) -> Difference:
        """Accuracy of one arm minus another's with as many labels; both are of one architecture and share draws and, where they have one, teacher.

        Paired by replicate where they are ``in_order``, else unpaired.
        """
        return two_way(self.right(labels, arm), self.right(labels, against), name=f"{arm} - {against}", shared=self.in_order(labels, arm, against),
                       diverged=self.lost(labels, arm, against))  # fmt: skip

    def gains_more(self, here: int, there: int, arm: str, against: str = ALONE) -> Difference:
        """By how much the gain with ``here`` labels is above the gain with ``there`` labels; unpaired, since other images are labelled."""
        gains = [self.right(n, arm) - self.right(n, against) for n in (here, there)]
        lost = self.lost(here, arm, against) + self.lost(there, arm, against)
        return two_way(*gains, name=f"gain of {arm}: {here} - {there} labels", shared=False, diverged=lost)

    def gap(self, labels: int, arm: str) -> np.ndarray:
        """Accuracy on the labelled digits that it learnt from, minus right or wrong on each test digit, [R, test digits]."""
        return self.column(labels, arm, "train")[:, None] - self.right(labels, arm)

    def gap_closed(self, labels: int, arm: str, against: str = ALONE) -> Difference:
        """By how much the arm's gap from training to test is smaller."""
        return two_way(self.gap(labels, against), self.gap(labels, arm), name=f"gap of {against} - {arm}",
                       shared=self.in_order(labels, arm, against), diverged=self.lost(labels, arm, against))  # fmt: skip

    def miscalibration(self, labels: int, arm: str) -> np.ndarray:
        """What each test digit adds to the expected calibration error, [R, test digits]: the mean of a row is that replicate's ECE.

        In a bin whose mean confidence is above its accuracy, confidence - right; elsewhere right - confidence.
        """
        return excess_of(self.right(labels, arm), self.confidence(labels, arm))

    def better_calibrated(self, labels: int, arm: str, against: str = ALONE) -> Difference:
        """By how much the arm's expected calibration error is smaller; its interval holds the bins' signs as they are."""
        return two_way(self.miscalibration(labels, against), self.miscalibration(labels, arm), name=f"ECE of {against} - {arm}",
                       shared=self.in_order(labels, arm, against), diverged=self.lost(labels, arm, against))  # fmt: skip

    def kept_share(self, labels: int, arm: str, share: float = 0.98) -> Difference:
        """Accuracy minus that share of the teacher's; unpaired, since the two are other architectures."""
        return two_way(self.right(labels, arm), share * self.right(labels, TEACHER), name=f"{arm} - {share:g} teacher", shared=False,
                       diverged=self.lost(labels, arm))  # fmt: skip


def excess_of(right: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """What each digit adds to its replicate's expected calibration error; see ``Measured.miscalibration``. Both [R, test digits]."""
    bins = np.clip(np.ceil(sure * BINS).astype(int), 1, BINS) - 1
    excess, sign = sure - right, np.zeros_like(sure)
    for r, row in enumerate(bins):
        total = np.bincount(row, weights=excess[r], minlength=BINS)
        sign[r] = np.where(total >= 0, 1.0, -1.0)[row]
    return sign * excess


@lru_cache(maxsize=1)
def measured() -> Measured:
    """The record, read once."""
    return Measured()


def searched():
    """What the searches recorded: one row a setting and replicate."""
    further = [read_record(module.__name__).query("part == 'search'") for module in (records_controls, *MORE_ARMS)]
    tables = [read_record(records_search.__name__), *(table.drop(columns=["part", "diverged"]) for table in further)]
    return needed("pandas").concat(tables, ignore_index=True)


def searched_rows(labels: int, arm: str, rows=None) -> list[dict]:
    """The rows of one arm's search."""
    rows = searched() if rows is None else rows
    return rows[(rows.labels == labels) & (rows.arm == arm)].to_dict("records")


def chosen(labels: int, arm: str, rows=None) -> dict:
    """The setting with the best mean over the eight search replicates."""
    return choosing.best(searched_rows(labels, arm, rows))


def settings_of(labels: int, arm: str, rows=None) -> dict:
    """The setting that an arm was read at: what its search chose, or the best with a teacher where the arm is said to have one."""
    if arm in (records_longer.SOFT_TWICE, records_twice.BESIDE):
        return records_longer.with_teacher(searched_rows(labels, arm, rows))
    return chosen(labels, arm, rows)


def pilot(labels: int, arm: str, against: str) -> float:
    """Standard deviation over the eight search replicates of the difference on validation, each arm at its chosen setting."""

    def best(name):
        mine, numbers = searched_rows(labels, name), chosen(labels, name)
        mine = [row for row in mine if all(row[n] == value for n, value in numbers.items())]
        return np.array([row["accuracy"] for row in sorted(mine, key=lambda row: row["replicate"])])

    return float((best(arm) - best(against)).std(ddof=1))
