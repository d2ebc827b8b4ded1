"""Mixup: learning on blends of two inputs, from labels or from a teacher that sees the same blends."""

from dataclasses import dataclass

import torch
from torch import Tensor

from distill_helpers.checks import InputError, fraction, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits
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


@dataclass(frozen=True)
class MixupDistillation(Mixup):
    """weight · T² · KL(teacher_T || student_T) + (1 - weight) · mixup's cross-entropy, all on the blends of ``Mixup``.

    The soft term is Hinton et al. 2015 on mixed inputs: the live teacher answers the very blend that the student sees, so its
    answers are not blended. Every step costs a teacher evaluation an example. With weight = 1 no labels are needed.
    Raises InputError when temperature <= 0 or weight is outside [0, 1].
    """

    temperature: float = 4.0
    weight: float = 0.9
    signals = ("labels", "outputs")
    needs_teacher = True

    def __post_init__(self):
        super().__post_init__()
        positive("temperature", self.temperature)
        fraction("weight", self.weight)

    @property
    def needs_labels(self):
        return self.weight != 1

    def loss(self, student, teacher, batch):
        check_shared("alpha", self.alpha)
        x = blend(batch)
        s, t = student(x).logits, teacher.live(x).logits
        terms = {"soft": self.weight * self.temperature**2 * kl_from_logits(t, s, self.temperature)}
        if batch.y is not None:
            y = require_class_targets(batch.y, "MixupDistillation")
            terms["hard"] = (1 - self.weight) * mixed_cross_entropy(s, y, batch.noise, batch.task)
        return terms


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
