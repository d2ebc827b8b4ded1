"""Variational information distillation: the student's features must predict the teacher's, with a learnt variance."""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, on_one_grid, projector


@dataclass(frozen=True)
class VariationalInformation(FeatureStrategy):
    """labels · cross-entropy + weight · mean of [log σ_c + (t - μ(s))² / 2σ_c²]: a bound on the mutual information of the features.

    Ahn, Hu, Damianou, Lawrence & Dai, "Variational Information Distillation for Knowledge Transfer", CVPR 2019, section 2: a
    Gaussian q(t | s) with one variance per channel, σ² = log(1 + exp α) + ε. Here sums over units are averages, which only
    rescales the weight, and μ is three 1x1 convolutions (or linear layers) with ReLU between, without batch normalisation.
    The constant ½ log 2π is left out, so the term may be negative. σ² begins at 5.
    """

    student_layers: str | tuple = ("stage2", "stage3")
    teacher_layers: str | tuple = ("stage2", "stage3")
    weight: float = 1.0
    labels: float = 1.0

    def extras(self, student_outputs, teacher_outputs):
        built = {}
        for i, (s, t) in enumerate(self.pairs(student_outputs, teacher_outputs)):
            built[f"mean{i}"] = nn.Sequential(projector(s, t), nn.ReLU(), projector(t, t), nn.ReLU(), projector(t, t))
            built[f"variance{i}"] = Variance(t.shape[1])
        return built

    def loss(self, student, teacher, batch):
        out, total = student(batch.x), 0.0
        for i, (s, t) in enumerate(self.pairs(out, teacher(batch))):
            total = total + negative_log_likelihood(student.extra(f"mean{i}", s), student.extra(f"variance{i}"), t)
        return {"information": self.weight * total, **self.task(out, batch)}


class Variance(nn.Module):
    """One positive number per channel, σ² = log(1 + exp α) + ε; called without inputs."""

    def __init__(self, channels: int, begin: float = 5.0, epsilon: float = 1e-5):
        super().__init__()
        self.alpha = nn.Parameter(torch.full((channels,), math.log(math.expm1(begin - epsilon))))
        self.epsilon = epsilon

    def forward(self):
        return F.softplus(self.alpha) + self.epsilon


def negative_log_likelihood(mean, variance, target):
    """Mean of ½ log σ² + (t - μ)² / 2σ²; mean and target [B, C] or [B, C, H, W], variance [C]."""
    mean, target = on_one_grid(mean, target)
    variance = variance.view(-1, *[1] * (target.dim() - 2))
    return 0.5 * (variance.log() + (target - mean).square() / variance).mean()
