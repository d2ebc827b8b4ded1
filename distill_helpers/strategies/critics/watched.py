"""A game that is watched: what the critic says, recorded and not learnt from."""

from dataclasses import dataclass

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract.remembered import Remembered
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.strategies.critics.discriminator import Adversarial, taken_for_student, taken_for_teacher


@dataclass(frozen=True)
class Watched(Wrapper):
    """An Adversarial whose history also holds "critic", the critic's loss, and "told apart", the share of answers on both sides that it
    places right; neither has a gradient. For looking at the game: the two are added to the sum of the terms, and change nothing else.
    """

    def __post_init__(self):
        if not isinstance(self.inner, Adversarial):
            raise InputError(f"inner must be an Adversarial, but {self.inner!r} was given.")

    def loss(self, student, teacher, batch):
        once = Remembered(student, batch.x)
        ours, theirs = self.inner.shown(once, teacher, batch)
        scores = [self.inner.judged(once, answers.detach(), batch).detach() for answers in (ours, theirs)]
        right = ((scores[0][:, 0] < 0).float().mean() + (scores[1][:, 0] > 0).float().mean()) / 2
        critic = taken_for_student(scores[0]) + taken_for_teacher(scores[1])
        return {**self.inner.loss(once, teacher, batch), "critic": critic, "told apart": right}
