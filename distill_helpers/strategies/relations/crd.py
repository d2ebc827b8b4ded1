"""Contrastive representation distillation: tell the teacher's answer to this input from its answers to others."""

import math
from dataclasses import dataclass

from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import positive, whole
from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, not_in_a_grid, off_diagonal, unit


@dataclass(frozen=True)
class ContrastiveRepresentation(FeatureStrategy):
    """labels · cross-entropy - weight · E[log h(T_i, S_i) + Σ over negatives j of log(1 - h(T_j, S_i))].

    Tian, Krishnan & Isola, "Contrastive Representation Distillation", ICLR 2020 (arXiv 1910.10699, eq. 18 and after):
    h = e^(g_T·g_S/τ) / (e^(g_T·g_S/τ) + N/M), g linear maps to ``dim`` numbers scaled to length 1, N negatives, M examples.
    The paper keeps a memory bank of all training examples and draws N = 16,384 negatives from it. Here the negatives are the other
    examples of the batch, so N = B - 1, and the batch stands for the data set, M = B; there is no bank, no momentum, and no
    normalising constant. Anchoring at the teacher or at the student gives the same sum over a batch, so it is counted once.
    """

    student_layers: str | tuple = "embedding"
    teacher_layers: str | tuple = "embedding"
    weight: float = 0.8
    labels: float = 1.0
    temperature: float = 0.1
    dim: int = 128

    def __post_init__(self):
        super().__post_init__()
        positive("temperature", self.temperature)
        whole("dim", self.dim)

    def extras(self, student_outputs, teacher_outputs):
        built = {}
        for i, pair in enumerate(self.pairs(student_outputs, teacher_outputs)):
            for side, feature in zip(("student", "teacher"), pair, strict=True):
                built[f"{side}_embedding{i}"] = nn.Linear(feature.flatten(1).shape[1], self.dim)
        return built

    def loss(self, student, teacher, batch):
        not_in_a_grid("ContrastiveRepresentation", dim=self.dim)
        out, total = student(batch.x), 0.0
        for i, (s, t) in enumerate(self.pairs(out, teacher(batch))):
            ours, theirs = student.extra(f"student_embedding{i}", s.flatten(1)), student.extra(f"teacher_embedding{i}", t.flatten(1))
            total = total + contrast(ours, theirs, self.temperature)
        return {"contrast": self.weight * total, **self.task(out, batch)}


def contrast(ours, theirs, temperature):
    """-log h for each example's own pair, -log(1 - h) for its pairs with all others; embeddings [B, dim], mean over examples."""
    b, others = ours.shape[0], off_diagonal(ours)
    # h = sigmoid(score - log(N/M)), and -log sigmoid(a) = softplus(-a)
    margin = unit(ours) @ unit(theirs).T / temperature - math.log(max(1, b - 1) / b)
    return (F.softplus(-margin) * (1 - others) + F.softplus(margin) * others).sum() / b
