"""What a strategy sees of the teacher in one step, and how much a run has asked it."""

from torch import Tensor

from distill_helpers.checks import InputError
from distill_helpers.models.outputs import Outputs


class Counter:
    """Inputs that the live teacher was asked about in one mapped call, for one student."""

    def __init__(self):
        self.live = 0


class AskedTeacher:
    """The teacher of one student in one step.

    teacher(batch): its stored answers for the batch, Outputs with logits [B, ...]. teacher.live(x): Outputs for made-up inputs,
    differentiable in x. teacher.part(name, z): the named part of the frozen teacher applied to z, for example its head.
    """

    def __init__(self, teacher, answers: Outputs | None, index: Tensor, counter: Counter, state=None):
        """answers: the stored answers for this step. index: the batch's index, which they belong to. state: weights in place of the
        teacher's own, where each lane has a teacher of its own.
        """
        self.teacher, self.answers, self.index, self.counter, self.state = teacher, answers, index, counter, state

    def __call__(self, batch) -> Outputs:
        if batch.index is not self.index:
            raise InputError("teacher(batch) answers for the batch as it was given; for other inputs there is teacher.live(x).")
        return self.answers

    def live(self, x) -> Outputs:
        self.counter.live += x.shape[0]
        return self.teacher.live(x, self.state)

    def part(self, name: str, z) -> Tensor:
        return self.teacher.part(name, z, self.state)

    @property
    def module(self):
        """The frozen network."""
        return self.teacher.module
