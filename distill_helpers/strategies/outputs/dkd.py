"""Decoupled distillation: how sure the teacher is of the right class, and how it orders the wrong ones, weighted apart."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import at_least, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_rows
from distill_helpers.strategies.contract.label_means import known, label_mean
from distill_helpers.strategies.contract.shapes import labels_fit, same_outputs


@dataclass(frozen=True)
class DecoupledDistillation(Strategy):
    """cross-entropy + T² · (alpha · TCKD + beta · NCKD).

    Zhao, Cui, Song, Qiu & Liang, "Decoupled Knowledge Distillation", CVPR 2022, eq. 7; the defaults alpha = 1, beta = 8 and
    T = 4 are theirs for CIFAR-100. TCKD is KL between the two-class distributions (right class, all others), NCKD is KL
    between the distributions over the wrong classes alone. Plain distillation is TCKD + (1 - p) · NCKD for each example,
    p the teacher's probability of the right class (eq. 6), so a sure teacher says almost nothing of the wrong classes there.
    The factor T² and the cross-entropy's weight of 1 are those of the authors' code. Their warm-up of the term over the
    first epochs is left out. All three terms are means over labels, with the class weights of the data.
    Raises InputError when temperature <= 0 or a weight is negative.
    """

    alpha: float = 1.0
    beta: float = 8.0
    temperature: float = 4.0
    signals = ("labels", "outputs")
    needs_labels = True
    honours_task = True

    def __post_init__(self):
        at_least("alpha", self.alpha, 0)
        at_least("beta", self.beta, 0)
        positive("temperature", self.temperature)

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "DecoupledDistillation")
        s, t = student(batch.x).logits, teacher(batch).logits
        same_outputs(t, s)
        labels_fit(s, y)
        (s_two, s_wrong), (t_two, t_wrong) = (split(z / self.temperature, known(y, batch.task)) for z in (s, t))
        square = self.temperature**2
        return {
            "hard": cross_entropy(s, y, batch.task),
            "target": square * self.alpha * label_mean(kl_rows(t_two, s_two), y, batch.task, s),
            "nontarget": square * self.beta * label_mean(kl_rows(t_wrong, s_wrong), y, batch.task, s),
        }


def split(logits, labels):
    """Logits [B, 2] of (right class, all others together) and logits [B, C - 1] of the wrong classes; labels int64 [B]."""
    places = torch.arange(logits.shape[-1] - 1, device=logits.device)
    wrong = logits.gather(-1, places + (places >= labels.unsqueeze(-1)))
    right = logits.gather(-1, labels.unsqueeze(-1))
    return torch.cat([right, wrong.logsumexp(-1, keepdim=True)], -1), wrong
