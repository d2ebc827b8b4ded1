"""Learning from labels alone: the baseline beside every distillation."""

from dataclasses import dataclass

from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy


@dataclass(frozen=True)
class HardLabels(Strategy):
    """Cross-entropy on class labels. The same student without a teacher."""

    signals = ("labels",)
    needs_labels = True
    needs_teacher = False
    honours_task = True

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "HardLabels")
        return {"hard": cross_entropy(student(batch.x).logits, y, batch.task)}
