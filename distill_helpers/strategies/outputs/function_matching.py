"""Function matching: the teacher as a function to be copied on the same, strongly blended inputs."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import positive
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.divergences import kl_from_logits
from distill_helpers.strategies.robust.mixup import blend


@dataclass(frozen=True)
class FunctionMatching(Strategy):
    """T² · KL(teacher_T || student_T) on λ · x_i + (1 - λ) · x_j with λ uniform from 0 to 1. No labels.

    Beyer, Zhai, Royer, Markeeva, Anil & Kolesnikov, "Knowledge Distillation: A Good Teacher Is Patient and Consistent", CVPR 2022,
    section 3. Consistent: the live teacher answers the very input that the student sees, view and blend alike. Aggressive:
    λ is uniform, where usual mixup stays close to one of the two images. Patient: the gain comes with very long training, so
    give ``Recipe`` many steps. As in the authors' code, one λ serves a batch and the loss carries T²; their crops are left to the
    pool of views. Every step costs a teacher evaluation an example. Raises InputError when temperature <= 0.
    """

    temperature: float = 1.0
    signals = ("outputs",)
    honours_task = True

    def __post_init__(self):
        positive("temperature", self.temperature)

    def draw(self, x, generator):
        return {
            "share": torch.rand((), generator=generator, device=x.device),
            "order": torch.randperm(len(x), generator=generator, device=x.device),
        }

    def loss(self, student, teacher, batch):
        x = blend(batch)
        soft = kl_from_logits(teacher.live(x).logits, student(x).logits, self.temperature)
        return {"soft": self.temperature**2 * soft}
