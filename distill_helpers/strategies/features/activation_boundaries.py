"""Activation boundaries: whether a neuron fires matters, how strongly does not."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import positive
from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, connect, connectors, on_one_grid


@dataclass(frozen=True)
class ActivationBoundaries(FeatureStrategy):
    """weight · ‖ρ(T) ⊙ σ(margin - r(S)) + (1 - ρ(T)) ⊙ σ(margin + r(S))‖², ρ(T) = 1 where T > 0, σ the ReLU; plus labels · cross-entropy.

    Heo, Lee, Yun & Choi, "Knowledge Transfer via Distillation of Activation Boundaries Formed by Hidden Neurons", AAAI 2019,
    the alternative loss of its method section. The paper trains in two stages, this loss alone and then the task:
    ``Stages((ActivationBoundaries(labels=0), n), (HardLabels(), m))``. The student's feature should be one before its ReLU
    ("stage<k>_pre"), or any that r can give a sign; of the teacher's only the sign is used, so it may be taken before or after.
    The connector r is a 1x1 convolution (linear for vectors) with bias and without batch normalisation, and is left out
    where the widths agree. As in the authors' code, each layer counts half of the one after it. Units are averaged
    where the paper sums, which only rescales the weight.
    """

    student_layers: str | tuple = ("stage1_pre", "stage2_pre", "stage3_pre")
    teacher_layers: str | tuple = ("stage1", "stage2", "stage3")
    weight: float = 10.0
    labels: float = 1.0
    margin: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        positive("margin", self.margin)

    def extras(self, student_outputs, teacher_outputs):
        return connectors(self.pairs(student_outputs, teacher_outputs))

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        pairs = connect(student, self.pairs(out, teacher(batch)))
        total = sum(boundary_loss(s, t, self.margin) / 2 ** (len(pairs) - 1 - i) for i, (s, t) in enumerate(pairs))
        return {"boundary": self.weight * total, **self.task(out, batch)}


def boundary_loss(ours, theirs, margin):
    """Mean over units of (margin - s)² where the teacher fires and s < margin, (margin + s)² where it does not and s > -margin."""
    ours, theirs = on_one_grid(ours, theirs)
    return torch.where(theirs > 0, margin - ours, margin + ours).relu().square().mean()
