"""Additive margin: the right class must win by a margin before the loss is content."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import at_least
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy


@dataclass(frozen=True)
class AdditiveMargin(Strategy):
    """Cross-entropy on the logits with ``margin`` taken from the right class's logit: z_y - margin against z_j.

    After Wang, Cheng, Liu & Liu, "Additive Margin Softmax for Face Verification", IEEE Signal Processing Letters 2018, eq. 6, with
    one change. There the logits are s · cos θ_j, from normalised embeddings and class weights, and the right class gets
    s · (cos θ_y - m). Here z are the logits of the student's own head, unnormalised and with its bias, because that head is
    what predicts afterwards; ``margin`` stands for the product s · m and is measured in logits (theirs is 30 · 0.35 = 10.5 on a
    scale bounded by 30). Logits without a bound can also meet a margin by growing, which is why the paper normalises; expect
    surer answers, and look at the calibration. The margin is used in training only. margin = 0 is ``HardLabels``.
    Raises InputError when margin is negative.
    """

    margin: float = 1.0
    signals = ("labels",)
    needs_labels = True
    needs_teacher = False
    honours_task = True

    def __post_init__(self):
        at_least("margin", self.margin, 0)

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "AdditiveMargin")
        z = student(batch.x).logits
        right = torch.arange(z.shape[-1], device=z.device) == y.unsqueeze(-1)
        return {"margin": cross_entropy(z - self.margin * right, y, batch.task)}
