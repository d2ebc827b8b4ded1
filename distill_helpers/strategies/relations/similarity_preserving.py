"""Similarity-preserving distillation: inputs that are alike for the teacher become alike for the student."""

from dataclasses import dataclass

from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, frozen_products, unit


@dataclass(frozen=True)
class SimilarityPreserving(FeatureStrategy):
    """labels · cross-entropy + weight · 1/b² · ‖G_T - G_S‖² (Frobenius), G the similarities within the batch, row by row of length 1.

    Tung & Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, section 3: the similarity of two inputs is the inner
    product of their flattened activations. Widths and grids of student and teacher need not agree. weight = 3000 is the
    paper's gamma for CIFAR-10.
    """

    student_layers: str | tuple = "stage3"
    teacher_layers: str | tuple = "stage3"
    weight: float = 3000.0
    labels: float = 1.0

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        pairs = self.pairs(out, teacher(batch))
        gaps = [(similarities(t, frozen_products(t.flatten(1))) - similarities(s)).square().mean() for s, t in pairs]
        return {"similarity": self.weight * sum(gaps), **self.task(out, batch)}


def similarities(feature, products=None):
    """Inner products of all examples' activations, each row scaled to length 1. [B, ...] -> [B, B]. products: those, where known."""
    q = feature.flatten(1)
    return unit(q @ q.T if products is None else products)
