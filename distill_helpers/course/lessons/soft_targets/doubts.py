"""What the record of controls says: soft targets against alone at its next best settings, and where the teacher's labels are the student's too."""

from functools import lru_cache

from distill_helpers.course.lessons.soft_targets import records_controls, records_twice
from distill_helpers.course.lessons.soft_targets.halves import ALL
from distill_helpers.course.lessons.soft_targets.measured import SOFT, excess_of, measured
from distill_helpers.course.lessons.soft_targets.records_controls import BOTH, DECAY, NEXT
from distill_helpers.course.lessons.soft_targets.records_longer import BESIDE, BESIDE_TWICE, BOTH_TWICE
from distill_helpers.course.lessons.soft_targets.records_pooled import POOLED
from distill_helpers.course.records import read_outcomes, read_record
from distill_helpers.measure.crossed import two_way
from distill_helpers.measure.statistics import Difference


class Doubts:
    """The recorded controls. rows: the table. kept: [(setting, right [replicate, test digit])]. sure: the confidence of each, as ``kept``."""

    def __init__(self):
        self.rows = read_record(records_controls.__name__)
        outcomes = read_outcomes(records_controls.__name__)
        self.kept, self.sure = ([(setting, packed[name][:, 0].astype(float)) for setting, packed in outcomes] for name in ("right", "confidence"))

    def against_next_best(self, labels: int) -> dict[str, Difference]:
        """Soft targets on all images minus alone at each of its next best settings, best first: {setting in words: difference}."""
        mine = [(s, right) for s, right in self.kept if s["arm"] == NEXT and s["labels"] == labels]
        return {f"rate {s['lr']:g}, decay {s['weight_decay']:g}": self._minus(labels, right) for s, right in mine}

    def against_both(self, labels: int) -> Difference:
        """Soft targets on all images minus alone with the labels of both halves, as far as the student's are known; unpaired: other images."""
        return two_way(measured().right(labels, SOFT), self._alone_with_both(labels), name=f"{SOFT} - {BOTH}", shared=False)

    def with_both(self, labels: int, shared: bool | None = None) -> Difference:
        """Soft targets minus alone where both have the labels of the teacher's half as well: what a teacher adds to one and the same labels.

        Where the search chose a weight of 0, which is no teacher, the best setting that has one is taken. shared: whether the two are paired by
        replicate, by default where they see the same images in the same order, with all labels.
        """
        arm, shared = BESIDE if labels == ALL else POOLED, labels == ALL if shared is None else shared
        return two_way(measured().right(labels, arm), self._alone_with_both(labels), name=f"{arm} - {BOTH}", shared=shared,
                       diverged=measured().lost(labels, arm))  # fmt: skip

    def with_both_twice(self) -> Difference:
        """The same with all labels, where both train for twice the steps, each at the setting that a search at that length chose."""
        return measured().gain(ALL, records_twice.BESIDE, records_twice.BOTH)

    def with_both_twice_as_before(self) -> Difference:
        """The same at the settings that a search at half the length chose."""
        return measured().gain(ALL, BESIDE_TWICE, BOTH_TWICE)

    def better_calibrated(self, labels: int) -> Difference:
        """By how much the calibration error of soft targets is below that of alone at the weight decay that soft targets have, at the best rate."""
        place = next(i for i, (s, _) in enumerate(self.kept) if s["arm"] == DECAY and s["labels"] == labels)
        alone, decay = excess_of(self.kept[place][1], self.sure[place][1]), self.kept[place][0]["weight_decay"]
        return two_way(alone, measured().miscalibration(labels, SOFT), name=f"ECE of alone, decay {decay:g} - {SOFT}",
                       shared=labels == ALL)  # fmt: skip

    def _alone_with_both(self, labels):
        (right,) = (right for s, right in self.kept if s["arm"] == BOTH and s["labels"] == labels)
        return right

    def _minus(self, labels: int, right) -> Difference:
        return two_way(measured().right(labels, SOFT), right, name=f"{SOFT} - alone", shared=labels == ALL)


@lru_cache(maxsize=1)
def doubts() -> Doubts:
    """The record, read once."""
    return Doubts()
