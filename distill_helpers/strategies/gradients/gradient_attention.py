"""Attention by gradients: the student's loss depends on the same pixels as the teacher's."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import at_least
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.feature_tools import counts
from distill_helpers.strategies.contract.label_means import known, label_mean, plain
from distill_helpers.strategies.contract.shapes import one_answer_each, real_inputs


@dataclass(frozen=True)
class GradientAttention(Strategy):
    """labels · cross-entropy + weight/2 · ‖J_S - J_T‖², J the gradient of the cross-entropy with respect to the input.

    Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017, eq. 3-4 (section 3.2), without the flip symmetry
    of eq. 5. Each example's gradient is that of its own loss; the squared norm is summed over the input's numbers and
    averaged over the batch. Eq. 4 prints the norm without a square. It needs no features, so it serves MLPs as well. Labels
    are needed even with labels = 0, because they are part of J. The teacher is asked anew at each step.
    """

    weight: float = 1.0
    labels: float = 1.0
    signals = ("labels", "gradients")
    needs_labels = True
    honours_task = True

    def __post_init__(self):
        at_least("weight", self.weight, 0)
        at_least("labels", self.labels, 0)

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "GradientAttention")
        real_inputs(batch.x, "GradientAttention")
        labels = known(y, batch.task)
        ours, theirs = input_gradient(student, batch.x, labels), input_gradient(teacher.live, batch.x, labels).detach()
        gaps = (ours - theirs).flatten(1).square().sum(1)
        if plain(batch.task):
            terms = {"attention": self.weight / 2 * gaps.mean()}
        else:
            s = student(batch.x).logits
            one_answer_each(s, "GradientAttention, where labels differ in weight,")
            terms = {"attention": self.weight / 2 * label_mean(gaps, y, batch.task, s)}
        if counts(self.labels):
            terms["hard"] = self.labels * cross_entropy(student(batch.x).logits, y, batch.task)
        return terms


def input_gradient(model, x, labels):
    """The gradient of each example's own cross-entropy with respect to that example, [B, ...] like x (eq. 3)."""
    return torch.func.grad(lambda moved: len(moved) * cross_entropy(model(moved).logits, labels))(x)
