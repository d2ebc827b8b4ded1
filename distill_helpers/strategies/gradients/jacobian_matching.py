"""Jacobian matching: the student's answer should change with the input as the teacher's does."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, at_least
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.feature_tools import unit
from distill_helpers.strategies.contract.shapes import one_answer_each, real_inputs
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.strategies.outputs.soft_targets import SoftTargets


@dataclass(frozen=True)
class JacobianMatching(Wrapper):
    """inner's loss + weight · ‖J_S/‖J_S‖ - J_T/‖J_T‖‖², averaged over the batch, J the input gradient of one logit.

    Srinivas & Fleuret, "Knowledge Transfer with Jacobian Matching", ICML 2018: the squared error of normalised Jacobians. Of
    the full Jacobian one row is kept, as they do to save time: the logit that is the TEACHER's largest, on both sides. They
    derive it as the limit of distillation on noisy inputs. It lies between 0 and 4 and needs no labels.
    The lengths of the Jacobians are not compared. The teacher is asked anew in each step, one evaluation an example.
    Raises InputError for an inner that is no strategy, or a negative weight.
    """

    inner: Strategy = SoftTargets()
    weight: float = 1.0
    signals = property(lambda self: tuple(dict.fromkeys((*self.inner.signals, "gradients"))))
    needs_teacher = True

    def __post_init__(self):
        if not isinstance(self.inner, Strategy):
            raise InputError(f"inner must be a strategy, but {self.inner!r} was given.")
        at_least("weight", self.weight, 0)

    def loss(self, student, teacher, batch):
        real_inputs(batch.x, "JacobianMatching")
        answers = teacher(batch).logits
        one_answer_each(answers, "JacobianMatching")
        top = answers.argmax(-1)
        with torch.no_grad():
            theirs = direction(teacher.live, batch.x, top)
        gap = (direction(student, batch.x, top) - theirs).square().sum(-1).mean()
        return {**self.inner.loss(student, teacher, batch), "jacobian": self.weight * gap}


def direction(model, x, classes):
    """The gradient of each example's logit ``classes`` (int64 [B]) with respect to that example, scaled to length 1: [B, D]."""

    def chosen(at):
        return model(at).logits.gather(-1, classes.unsqueeze(-1)).sum()

    return unit(torch.func.grad(chosen)(x).flatten(1))
