"""Mixup: learning on blends of two inputs, from labels."""

from dataclasses import dataclass

import torch
from torch import Tensor

from distill_helpers.checks import InputError, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.shapes import real_inputs


@dataclass(frozen=True)
class Mixup(Strategy):
    """Cross-entropy on λ · x_i + (1 - λ) · x_j against λ · y_i + (1 - λ) · y_j, with λ from Beta(alpha, alpha).

    Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018, section 2. As in their listing
    (fig. 1a), one λ serves a whole batch and the partners are the same batch in random order. Labels only, no teacher.
    Raises InputError when alpha <= 0, and in a Grid that varies alpha, because λ is drawn before the strategies part.
    """

    alpha: float = 0.2
    signals = ("labels",)
    needs_labels = True
    needs_teacher = False
    honours_task = True

    def __post_init__(self):
        positive("alpha", self.alpha)

    def draw(self, x, generator):
        # torch.distributions.Beta takes no generator; this is the function that it calls
        share = torch._sample_dirichlet(torch.full((2,), float(self.alpha), device=x.device), generator=generator)[0]
        return {"share": share, "order": torch.randperm(len(x), generator=generator, device=x.device)}

    def loss(self, student, teacher, batch):
        check_shared("alpha", self.alpha)
        y = require_class_targets(batch.y, "Mixup")
        return {"mixed": mixed_cross_entropy(student(blend(batch)).logits, y, batch.noise, batch.task)}


def blend(batch) -> Tensor:
    """share · x + (1 - share) · x in the drawn order, [B, ...]."""
    real_inputs(batch.x, "a blend of inputs")
    share = batch.noise["share"]
    return share * batch.x + (1 - share) * batch.x[batch.noise["order"]]


def mixed_cross_entropy(logits, labels, noise, task=None) -> Tensor:
    """Cross-entropy of logits [B, ..., C] on the blends, against the labels int64 [B, ...] of both partners."""
    own, partner = cross_entropy(logits, labels, task), cross_entropy(logits, labels[noise["order"]], task)
    return noise["share"] * own + (1 - noise["share"]) * partner


def check_shared(name: str, value) -> None:
    """Raise when a Grid gives each student its own value of a field on which the drawn numbers depend."""
    if isinstance(value, Tensor):
        raise InputError(f"{name} must be the same for all strategies of a grid, but it varies.")
