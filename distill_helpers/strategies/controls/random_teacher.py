"""A control: the teacher's architecture, untrained."""

from dataclasses import dataclass

from distill_helpers.checks import whole
from distill_helpers.strategies.controls.control import Control


@dataclass(frozen=True)
class RandomTeacher(Control):
    """The teacher's architecture with all weights drawn anew under ``seed`` (``Teacher.untrained``); assistants of the strategy likewise.

    Raises InputError where that changes nothing.
    """

    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        whole("seed", self.seed, 0)

    def prepare_teacher(self, teacher):
        return self.inner.prepare_teacher(teacher.untrained(self.seed))
