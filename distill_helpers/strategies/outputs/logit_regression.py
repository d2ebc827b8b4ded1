"""Regression on logits: the student's logits themselves should be the teacher's."""

from dataclasses import dataclass

from distill_helpers.checks import at_least, one_of
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.feature_tools import counts
from distill_helpers.strategies.contract.shapes import same_outputs


@dataclass(frozen=True)
class LogitRegression(Strategy):
    """weight · mean over the batch of Σ|s - t| (norm 1) or ½ Σ(s - t)² (norm 2) over classes, plus labels · cross-entropy.

    Norm 2 without labels is Ba & Caruana, "Do Deep Nets Really Need to be Deep?", NIPS 2014, eq. 1, and the data loss of Belagiannis
    et al. 2018; norm 1 with labels is the direct part of the loss of Xu et al. 2017. Raises InputError for a negative weight or another norm.
    """

    weight: float = 1.0
    norm: int = 2
    labels: float = 0.0
    honours_task = True
    needs_labels = property(lambda self: counts(self.labels))
    signals = property(lambda self: ("labels", "outputs") if self.needs_labels else ("outputs",))

    def __post_init__(self):
        at_least("weight", self.weight, 0)
        at_least("labels", self.labels, 0)
        one_of("norm", self.norm, (1, 2))

    def loss(self, student, teacher, batch):
        s = student(batch.x).logits
        t = teacher(batch).logits.detach()
        same_outputs(t, s)
        gap = s - t
        away = gap.abs().sum(-1) if self.norm == 1 else 0.5 * gap.square().sum(-1)
        terms = {"regression": self.weight * away.mean()}
        if counts(self.labels):
            y = require_class_targets(batch.y, "LogitRegression")
            terms["hard"] = self.labels * cross_entropy(s, y, batch.task)
        return terms
