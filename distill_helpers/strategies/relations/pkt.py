"""Probabilistic knowledge transfer: who is whose neighbour, as a probability."""

from dataclasses import dataclass

from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, off_diagonal, unit


@dataclass(frozen=True)
class ProbabilisticTransfer(FeatureStrategy):
    """labels · cross-entropy + weight · KL(P_T || P_S), P(j | i) the probability that i picks j as its neighbour in the batch.

    Passalis & Tefas, "Learning Deep Representations with Probabilistic Knowledge Transfer", ECCV 2018, section 3, with the
    cosine kernel ½(cos + 1) that needs no width. As in the paper, no example is its own neighbour; the authors' code
    keeps these pairs. The paper sums over examples and learns from this loss alone (labels = 0); here it is averaged over
    examples. The default weight is the 30,000 per pair at batch size 64 of the comparison by Tian, Krishnan & Isola 2020.
    """

    student_layers: str | tuple = "embedding"
    teacher_layers: str | tuple = "embedding"
    weight: float = 470.0
    labels: float = 1.0

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        gaps = [neighbour_divergence(neighbours(t), neighbours(s)) for s, t in self.pairs(out, teacher(batch))]
        return {"neighbours": self.weight * sum(gaps), **self.task(out, batch)}


def neighbours(feature):
    """P(j | i) at [i, j]: the cosine kernel of all other examples, each row summing to 1. [B, ...] -> [B, B]."""
    q = unit(feature.flatten(1))
    kernel = 0.5 * (q @ q.T + 1) * off_diagonal(q)
    return kernel / (kernel.sum(1, keepdim=True) + 1e-12)


def neighbour_divergence(p, q, tiny=1e-7):
    """Mean over rows of KL(p || q); ``tiny`` stands for probabilities of zero, as in the authors' code."""
    return (p * ((p + tiny).log() - (q + tiny).log())).sum(1).mean()
