"""FitNets: a middle layer of the student learns to predict a middle layer of the teacher."""

from dataclasses import dataclass

from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, on_one_grid, projector


@dataclass(frozen=True)
class FitNets(FeatureStrategy):
    """weight · ½ ‖teacher's hint - r(student's guided layer)‖², r a learnt projector; plus labels · cross-entropy.

    Romero, Ballas, Ebrahimi Kahou, Chassang, Gatta & Bengio, "FitNets: Hints for Thin Deep Nets", ICLR 2015, eq. 3. The paper
    trains in two stages: the hint alone, then soft targets. That is
    ``Stages((FitNets(labels=0), n), (SoftTargets(), m))``; with labels > 0 it is one joint stage, which is not the paper's.
    Here the squared norm is averaged over the units, where the paper sums, which only rescales the weight; r is linear or
    a 1x1 convolution, where the paper's has a larger kernel to go from one grid to the other, and finer maps are pooled to
    the coarser grid instead. The default weight is that of the comparison by Tian, Krishnan & Isola 2020, twice because of the ½.
    """

    student_layers: str | tuple = "stage2"
    teacher_layers: str | tuple = "stage2"
    weight: float = 200.0
    labels: float = 1.0

    def extras(self, student_outputs, teacher_outputs):
        pairs = self.pairs(student_outputs, teacher_outputs)
        return {f"regressor{i}": projector(s, t) for i, (s, t) in enumerate(pairs)}

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        pairs = self.pairs(out, teacher(batch))
        hint = sum(hint_loss(student.extra(f"regressor{i}", s), t) for i, (s, t) in enumerate(pairs))
        return {"hint": self.weight * hint, **self.task(out, batch)}


def hint_loss(predicted, hint):
    """½ of the mean squared difference, both [B, D] or [B, C, H, W] of equal width (eq. 3)."""
    predicted, hint = on_one_grid(predicted, hint)
    return 0.5 * (predicted - hint).square().mean()
