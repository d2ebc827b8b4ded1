"""FSP: how the teacher gets from one layer to the next, not what the layers hold."""

from dataclasses import dataclass

from torch.nn import functional as F

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract.feature_tools import FeatureStrategy, connect, connectors, names, on_one_grid


@dataclass(frozen=True)
class FlowOfSolution(FeatureStrategy):
    """weight · ‖G_T - G_S‖² for each two layers that follow each other in the lists; plus labels · cross-entropy.

    Yim, Joo, Bae & Kim, "A Gift from Knowledge Distillation", CVPR 2017, eq. 1-2: G is the inner product over positions of
    two layers' channels, the finer layer max-pooled to the coarser grid. The paper trains in two stages, this loss alone and
    then the task: ``Stages((FlowOfSolution(labels=0), n), (HardLabels(), m))``. Its student and teacher have equal widths;
    where they differ here, a 1x1 convolution (linear for vectors) brings the student's layer to the teacher's width, which
    is not in the paper. Entries of G are averaged where eq. 2 sums, which only rescales the weight.
    """

    student_layers: str | tuple = ("stage1", "stage2", "stage3")
    teacher_layers: str | tuple = ("stage1", "stage2", "stage3")
    weight: float = 50.0
    labels: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if len(names(self.student_layers)) < 2:
            raise InputError(f"student_layers must name at least two layers, but {self.student_layers!r} was given.")

    def extras(self, student_outputs, teacher_outputs):
        return connectors(self.pairs(student_outputs, teacher_outputs))

    def loss(self, student, teacher, batch):
        out = student(batch.x)
        ours, theirs = zip(*connect(student, self.pairs(out, teacher(batch))), strict=True)
        steps = range(len(ours) - 1)
        gaps = [(flow(theirs[i], theirs[i + 1]) - flow(ours[i], ours[i + 1])).square().mean() for i in steps]
        return {"flow": self.weight * sum(gaps), **self.task(out, batch)}


def flow(first, second):
    """G[m, n]: mean over positions of channel m of the first layer times channel n of the second, [B, M, N] (eq. 1)."""
    first, second = (f.flatten(2) if f.dim() > 2 else f.unsqueeze(2) for f in on_one_grid(first, second, F.adaptive_max_pool2d))
    return first @ second.transpose(1, 2) / first.shape[-1]
