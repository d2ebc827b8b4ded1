"""Neuron selectivity transfer: which regions excite the neurons, matched as a distribution."""

from dataclasses import dataclass

from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, on_one_grid, require_maps, unit


@dataclass(frozen=True)
class NeuronSelectivity(FeatureStrategy):
    """labels · cross-entropy + weight/2 · MMD² between the teacher's and the student's sets of channel maps.

    Huang & Wang, "Like What You Like: Knowledge Distill via Neuron Selectivity Transfer", arXiv 1707.01219, 2017, section 4: each
    channel's map over the positions, scaled to length 1, is one sample; the kernel is the paper's polynomial (xᵀy + c)^d
    with d = 2, c = 0. MMD is taken for each image and averaged over the batch, so widths need not agree. Maps need at least
    two positions; vectors raise InputError.
    """

    student_layers: str | tuple = "stage3"
    teacher_layers: str | tuple = "stage3"
    weight: float = 50.0
    labels: float = 1.0

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        gaps = [squared_mmd(*on_one_grid(s, t)) for s, t in self.pairs(out, teacher(batch))]
        return {"selectivity": self.weight / 2 * sum(gaps), **self.task(out, batch)}


def selectivities(feature):
    """Each channel's map as a vector of length 1: [B, C, H, W] -> [B, C, H·W]."""
    require_maps(feature, "NeuronSelectivity")
    return unit(feature.flatten(2))


def kernel_mean(a, b):
    """Mean of (xᵀy)² over all pairs of channels and the batch; a [B, C, P], b [B, C', P]."""
    return (a @ b.transpose(1, 2)).square().mean()


def squared_mmd(ours, theirs):
    """Squared maximum mean discrepancy of the two sets of channels, the biased estimate, mean over the batch."""
    s, t = selectivities(ours), selectivities(theirs)
    return kernel_mean(t, t) + kernel_mean(s, s) - 2 * kernel_mean(s, t)
