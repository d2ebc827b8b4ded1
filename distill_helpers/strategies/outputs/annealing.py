"""Annealing: the student follows the teacher's logits as they grow from small to whole."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import whole
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.shapes import same_outputs


@dataclass(frozen=True)
class AnnealingDistillation(Strategy):
    """Mean over the batch of ‖z_s - Φ(T) · z_t‖², Φ(T) = 1 - (T - 1)/highest, T = highest, highest - 1, ..., 1.

    Jafari, Rezagholizadeh, Sharma & Ghodsi, "Annealing Knowledge Distillation", EACL 2021, stage I; each T lasts equally long. The
    paper's stage II is cross-entropy alone: ``Stages((AnnealingDistillation(), n), (HardLabels(), m))``.
    Raises InputError unless highest is a whole number of at least 1.
    """

    highest: int = 10
    signals = ("outputs",)
    honours_task = True

    def __post_init__(self):
        whole("highest", self.highest)

    def loss(self, student, teacher, batch):
        temperature = self.highest - torch.floor(self.highest * torch.as_tensor(batch.progress))
        scale = 1 - (temperature - 1) / self.highest
        s, t = student(batch.x).logits, teacher(batch).logits
        same_outputs(t, s)
        gap = s - scale * t
        return {"annealed": gap.square().sum(-1).mean()}
