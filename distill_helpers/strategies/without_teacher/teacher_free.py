"""A teacher made by hand: always right, and equally unsure about all wrong classes."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, finite_number, fraction, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_rows
from distill_helpers.strategies.contract.label_means import label_mean
from distill_helpers.strategies.contract.shapes import labels_fit


@dataclass(frozen=True)
class TeacherFree(Strategy):
    """(1 - weight) · cross-entropy + weight · multiplier · KL(p_d at T || student at T), called Tf-KD_reg in its paper.

    Yuan, Tay, Li, Wang & Feng, "Revisiting Knowledge Distillation via Label Smoothing Regularization", CVPR 2020, section 4.2.
    p_d gives ``correct`` to the label and (1 - correct)/(C - 1) to every other class; at T it is softmax(log p_d / T).
    The paper's loss has multiplier 1 and no T², so the gradient of the second term shrinks about as 1/T² and is hardly felt
    at T = 20; multiplier = T² undoes that. The authors' code does something else: it takes softmax(p_d / T) as the target and
    leaves the student at temperature 1, which pulls strongly towards even answers.
    Raises InputError when correct is not strictly between 0 and 1, weight is outside [0, 1], or another field is 0 or less.
    """

    correct: float = 0.99
    temperature: float = 20.0
    weight: float = 0.1
    multiplier: float = 1.0
    signals = ("labels",)
    needs_labels = True
    needs_teacher = False
    honours_task = True

    def __post_init__(self):
        finite_number("correct", self.correct)
        if not 0 < self.correct < 1:
            raise InputError(f"correct must be greater than 0 and less than 1, but {self.correct!r} was given.")
        positive("temperature", self.temperature)
        fraction("weight", self.weight)
        positive("multiplier", self.multiplier)

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "TeacherFree")
        s = student(batch.x).logits
        labels_fit(s, y)
        virtual = self.virtual_teacher(s, y)
        soft = self.multiplier * label_mean(kl_rows(virtual, s, self.temperature), y, batch.task, s)
        return {"virtual": self.weight * soft, "hard": (1 - self.weight) * cross_entropy(s, y, batch.task)}

    def virtual_teacher(self, logits, labels):
        """log p_d for labels int64 [B], in the shape and type of logits [B, C]."""
        right = torch.arange(logits.shape[-1], device=logits.device) == labels.unsqueeze(-1)
        share = self.correct * torch.ones_like(logits)
        return torch.where(right, share, (1 - share) / (logits.shape[-1] - 1)).log()
