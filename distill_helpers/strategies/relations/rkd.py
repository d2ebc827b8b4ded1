"""Relational knowledge distillation: the shape of the batch, its distances and its angles."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import at_least
from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, counts, frozen_products, pairwise_distances
from distill_helpers.strategies.relations.triples import angle_loss


@dataclass(frozen=True)
class Relational(FeatureStrategy):
    """labels · cross-entropy + distance_weight · L_D + angle_weight · L_A, each a Huber loss between relations of teacher and student.

    Park, Kim, Lu & Cho, "Relational Knowledge Distillation", CVPR 2019, sections 3.2.1 (distances of pairs, divided by their mean in
    the batch) and 3.2.2 (cosines of the angles of triples). Sums over pairs and triples of distinct examples are averaged here, so
    that the weights keep their meaning when the batch grows; the authors' code averages too, and counts the pairs and
    triples that repeat an example, which are zero. The default weights are theirs. Angles cost B³ operations for a batch of B, and are
    left out where their weight is 0; ``angle_loss`` says how they come from inner products.
    """

    student_layers: str | tuple = "embedding"
    teacher_layers: str | tuple = "embedding"
    distance_weight: float = 25.0
    angle_weight: float = 50.0
    labels: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        at_least("distance_weight", self.distance_weight, 0)
        at_least("angle_weight", self.angle_weight, 0)

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        pairs = [(s.flatten(1), t.flatten(1)) for s, t in self.pairs(out, teacher(batch))]
        terms = {"distance": self.distance_weight * sum(distance_loss(s, t) for s, t in pairs)}
        if counts(self.angle_weight):
            terms["angle"] = self.angle_weight * sum(angle_loss(s, t) for s, t in pairs)
        return {**terms, **self.task(out, batch)}


def distance_loss(ours, theirs):
    """Mean Huber loss over pairs of distinct examples, features [B, D] of any width."""
    b = ours.shape[0]
    return huber(relative_distances(ours) - relative_distances(theirs, frozen_products(theirs))).sum() / max(1, b * (b - 1))


def relative_distances(x, products=None):
    """Distances of all pairs over the mean distance of distinct examples, [B, B]. products: x xᵀ, where known."""
    distances, b = pairwise_distances(x, products), x.shape[0]
    return distances / (distances.sum() / max(1, b * (b - 1)) + 1e-12)


def huber(gap):
    """½ gap² up to 1, |gap| - ½ beyond."""
    size = gap.abs()
    return torch.where(size <= 1, 0.5 * gap.square(), size - 0.5)
