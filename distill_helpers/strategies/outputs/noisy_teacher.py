"""A teacher whose answers are disturbed, as a regulariser of the student."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, at_least, fraction, whole
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.shapes import one_answer_each


@dataclass(frozen=True)
class NoisyTeacher(Strategy):
    """½ · mean over the batch of ‖z_s - z'‖², z' = (1 + ξ) · z_t for some examples and z_t for the others.

    Sau & Balasubramanian, "Deep Model Compression: Distilling Knowledge from Noisy Teachers", arXiv 1610.09650, 2016, section 3.
    Each example is picked with ``probability``; ξ is normal with mean 0 and deviation ``sigma``, drawn anew for each logit and
    step. The student regresses the logits (Ba & Caruana 2014, eq. 1): no temperature and no labels. With sigma = 0 or
    probability = 0 this is plain logit regression, its control. classes: how many there are.
    Raises InputError when probability is outside [0, 1], sigma is negative, or the teacher has another number of classes.
    """

    probability: float = 0.5
    sigma: float = 0.3
    classes: int = 10
    signals = ("outputs",)

    def __post_init__(self):
        fraction("probability", self.probability)
        at_least("sigma", self.sigma, 0)
        whole("classes", self.classes)

    def draw(self, x, generator):
        return {
            "pick": torch.rand(len(x), generator=generator, device=x.device),
            "xi": torch.randn(len(x), self.classes, generator=generator, device=x.device),
        }

    def loss(self, student, teacher, batch):
        s, t = student(batch.x).logits, teacher(batch).logits
        one_answer_each(t, "NoisyTeacher")
        xi = batch.noise["xi"]
        if xi.shape[-1] != t.shape[-1]:
            raise InputError(f"classes must be {t.shape[-1]}, as the teacher has, but {xi.shape[-1]} was given.")
        picked = (batch.noise["pick"] < self.probability).unsqueeze(-1)
        noisy = t * (1 + self.sigma * xi * picked)
        return {"regression": 0.5 * (s - noisy).square().sum(-1).mean()}
