"""Attention transfer: the student looks where the teacher looks."""

from dataclasses import dataclass

from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, on_one_grid, require_maps, unit


@dataclass(frozen=True)
class AttentionTransfer(FeatureStrategy):
    """labels · cross-entropy + Σ over layers of weight/2 · ‖Q_S/‖Q_S‖ - Q_T/‖Q_T‖‖², Q the attention map of a layer.

    Zagoruyko & Komodakis, "Paying More Attention to Attention", ICLR 2017, eq. 1-2, with the map F_sum² of section 3.1: the sum
    over channels of squared activations. Eq. 2 prints the norm without a square; the authors' code squares it, and so does this.
    The square is averaged over positions and batch, because the paper sets beta to 10³ divided by positions and batch size.
    It has no meaning for vectors, whose map has one position: those raise InputError.
    """

    student_layers: str | tuple = ("stage1", "stage2", "stage3")
    teacher_layers: str | tuple = ("stage1", "stage2", "stage3")
    weight: float = 1000.0
    labels: float = 1.0

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        gaps = [attention_gap(*on_one_grid(s, t)) for s, t in self.pairs(out, teacher(batch))]
        return {"attention": self.weight / 2 * sum(gaps), **self.task(out, batch)}


def attention_map(feature):
    """F_sum² of a map [B, C, H, W], flattened and scaled to length 1: [B, H·W]."""
    require_maps(feature, "AttentionTransfer")
    return unit(feature.square().sum(1).flatten(1))


def attention_gap(ours, theirs):
    """Mean squared difference of two layers' attention maps, over positions and batch."""
    return (attention_map(ours) - attention_map(theirs)).square().mean()
