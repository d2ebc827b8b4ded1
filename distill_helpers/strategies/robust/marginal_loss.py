"""Marginal loss: embeddings of one class close together, those of different classes far apart, by a margin."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from distill_helpers.checks import InputError, at_least, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.label_means import over, plain, says
from distill_helpers.strategies.contract.remembered import Remembered
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels


@dataclass(frozen=True)
class MarginalLoss(Wrapper):
    """inner's loss + weight · 1/(m² - m) · Σ over i ≠ j of max(0, margin - y_ij · (threshold - ‖x_i/‖x_i‖ - x_j/‖x_j‖‖²)).

    Deng, Zhou & Zafeiriou, "Marginal Loss for Deep Face Recognition", CVPR 2017 workshops, eq. 3 and 4, where margin is ξ,
    threshold is θ and weight is λ. y_ij is 1 for two examples of one class and -1 otherwise, m the batch size, x the student's
    ``feature``. The paper's loss has softmax cross-entropy inside: that is the default; ``MarginalLoss(SoftTargets())`` adds the
    term to distillation. No teacher is needed for the term itself.
    Raises InputError for an inner that is no strategy, a negative weight or margin, threshold <= 0, or a batch of one.
    """

    inner: Strategy = HardLabels()
    weight: float = 1.0
    margin: float = 0.3
    threshold: float = 1.2
    feature: str = "embedding"
    signals = property(lambda self: tuple(dict.fromkeys((*self.inner.signals, "labels", "features"))))
    needs_labels = True

    def __post_init__(self):
        if not isinstance(self.inner, Strategy):
            raise InputError(f"inner must be a strategy, but {self.inner!r} was given.")
        at_least("weight", self.weight, 0)
        at_least("margin", self.margin, 0)
        positive("threshold", self.threshold)

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "MarginalLoss")
        once = Remembered(student, batch.x)
        pairs = marginal(once.outputs.features[self.feature], y, self.margin, self.threshold, batch.task)
        return {**self.inner.loss(once, teacher, batch), "marginal": self.weight * pairs}


def marginal(embeddings, labels, margin, threshold, task=None):
    """Eq. 3 for embeddings [m, ...] and labels int64 [m] -> scalar. Pairs with a label that says nothing (``task``) are left out."""
    if labels.shape != embeddings.shape[:1]:
        given = f"{tuple(labels.shape)} beside embeddings {tuple(embeddings.shape)}"
        raise InputError(f"labels must be one for each example, but {given} was given.")
    count = len(embeddings)
    if count < 2:
        raise InputError(f"batch_size must be at least 2 for pairs, but {count} was given.")
    unit = F.normalize(embeddings.flatten(1), dim=-1)
    distance = 2 - 2 * unit @ unit.mT  # = ‖a - b‖² for vectors of length 1
    sign = torch.where(labels.unsqueeze(-1) == labels, 1.0, -1.0)
    other = 1 - torch.eye(count, device=embeddings.device)
    each = (margin - sign * (threshold - distance)).relu()
    if plain(task):
        return (each * other).sum() / (count**2 - count)
    said = says(labels, task).to(unit.dtype)
    wanted = other * said * said.unsqueeze(-1)
    return over((each * wanted).sum(), wanted)
