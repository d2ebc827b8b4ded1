"""Controls: what remains of a gain when the teacher's knowledge is taken away.

Each wraps a strategy and swaps the teacher, nothing else: a teacher that the strategy prepares is shuffled after that, and an
untrained one is prepared as the trained one is. What a control also gains is not the teacher's knowledge.
"""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, one_of
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.wrapper import Wrapper


@dataclass(frozen=True)
class Control(Wrapper):
    """Base of the controls: passes everything to the wrapped strategy."""

    def __post_init__(self):
        if not isinstance(self.inner, Strategy) or not self.inner.needs_teacher:
            raise InputError(f"inner must be a strategy that uses a teacher, but {self.inner!r} was given.")

    @property
    def name(self):
        return f"{type(self).__name__}({self.inner.name})"


@dataclass(frozen=True)
class ShuffledTeacher(Control):
    """Each image gets the teacher's answer to another image, the same one throughout training.

    within="all": any other image. within="class": another image that the teacher puts in the same class, so that the
    class and its average similarities stay and only what belongs to the single image is lost.
    """

    within: str = "all"
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        one_of("within", self.within, ("all", "class"))

    def prepare_teacher(self, teacher):
        teacher = self.inner.prepare_teacher(teacher)
        top = teacher.table.logits[0].argmax(-1).cpu()
        groups = torch.zeros_like(top) if self.within == "all" else top
        return teacher.reordered(derangement(groups, self.seed))


@dataclass(frozen=True)
class RandomTeacher(Control):
    """The teacher's architecture with fresh, untrained weights."""

    seed: int = 0

    def prepare_teacher(self, teacher):
        return self.inner.prepare_teacher(teacher.untrained(self.seed))


def derangement(groups, seed: int):
    """A permutation [N] that moves every example to another one of its group (int64 [N]); groups of one stay."""
    generator = torch.Generator().manual_seed(seed)
    order = torch.arange(len(groups))
    for group in groups.unique():
        members = (groups == group).nonzero().squeeze(1)
        members = members[torch.randperm(len(members), generator=generator)]
        order[members] = members.roll(1)
    return order
