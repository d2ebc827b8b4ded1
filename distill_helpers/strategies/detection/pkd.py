"""PKD: the student's maps vary as the teacher's do, whatever their size."""

from dataclasses import dataclass

from torch import nn

from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, connect, on_one_grid, require_maps

ABOUT = {"acronym": "PKD", "paper": "Cao et al., NeurIPS 2022", "not entered": "for detectors: notebook 18"}


@dataclass(frozen=True)
class PearsonDistillation(FeatureStrategy):
    """weight · ½ mean (ŝ - t̂)², where ŝ and t̂ are the maps with each channel brought to mean 0 and variance 1 over the batch and all places.

    Cao, Zhang, Gao, Cheng, Cheng & Zhang, "PKD: General Distillation Framework for Object Detectors via Pearson Correlation Coefficient",
    NeurIPS 2022: that is weight · (1 - Pearson's correlation), averaged over channels and pairs of layers. Where the widths differ, a
    learnt 1x1 convolution brings the student's maps to the teacher's width; finer maps are pooled to the coarser grid.
    Made for the necks of detectors, beside ``DetectionLoss`` in a ``Combined``; ``labels`` · cross-entropy is for classifiers.
    """

    student_layers: str | tuple = ("neck8", "neck16")
    teacher_layers: str | tuple = ("neck8", "neck16")
    weight: float = 6.0
    labels: float = 0.0

    def extras(self, student_outputs, teacher_outputs):
        pairs = self.pairs(student_outputs, teacher_outputs)
        for one in (feature for pair in pairs for feature in pair):
            require_maps(one, "PearsonDistillation")
        # without biases: the loss does not change with them, and an optimiser would make steps of their rounding errors
        wide = {f"connector{i}": (s.shape[1], t.shape[1]) for i, (s, t) in enumerate(pairs)}
        return {name: nn.Conv2d(*sizes, 1, bias=False) for name, sizes in wide.items() if sizes[0] != sizes[1]}

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        pairs = connect(student, self.pairs(out, teacher(batch)))
        apart = sum(one_less_correlation(s, t) for s, t in pairs) / len(pairs)
        return {"pkd": self.weight * apart, **self.task(out, batch)}


def one_less_correlation(ours, theirs):
    """1 - Pearson's correlation of maps [B, C, H, W], channel by channel over batch and places, averaged over channels."""
    ours, theirs = (standardised(f) for f in on_one_grid(ours, theirs))
    return 0.5 * (ours - theirs).square().mean()


def standardised(maps):
    """Each channel with mean 0 and variance 1 over batch and places; a constant channel becomes 0, with a gradient of bounded size."""
    centred = maps - maps.mean((0, 2, 3), keepdim=True)
    return centred * (centred.square().mean((0, 2, 3), keepdim=True) + 1e-5).rsqrt()
