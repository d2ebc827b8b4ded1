"""Attention transfer: the student looks where the teacher looks."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import at_least
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, counts, on_one_grid, require_maps, unit
from distill_helpers.strategies.contract.label_means import known, label_mean, plain
from distill_helpers.strategies.contract.shapes import one_answer_each, real_inputs


@dataclass(frozen=True)
class AttentionTransfer(FeatureStrategy):
    """labels · cross-entropy + Σ over layers of weight/2 · ‖Q_S/‖Q_S‖ - Q_T/‖Q_T‖‖², Q the attention map of a layer.

    Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017, eq. 1-2, with the map F_sum² of section 3.1: the sum
    over channels of squared activations. Eq. 2 prints the norm without a square; the authors' code squares it, and so does this.
    The square is averaged over positions and batch, because the paper sets beta to 10³ divided by positions and batch size.
    It has no meaning for vectors, whose map has one position: those raise InputError.
    """

    student_layers: str | tuple = ("stage1", "stage2", "stage3")
    teacher_layers: str | tuple = ("stage1", "stage2", "stage3")
    weight: float = 1000.0
    labels: float = 1.0

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        gaps = [attention_gap(*on_one_grid(s, t)) for s, t in self.pairs(out, teacher(batch))]
        return {"attention": self.weight / 2 * sum(gaps), **self.task(out, batch)}


def attention_map(feature):
    """F_sum² of a map [B, C, H, W], flattened and scaled to length 1: [B, H·W]."""
    require_maps(feature, "AttentionTransfer")
    return unit(feature.square().sum(1).flatten(1))


def attention_gap(ours, theirs):
    """Mean squared difference of two layers' attention maps, over positions and batch."""
    return (attention_map(ours) - attention_map(theirs)).square().mean()


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
