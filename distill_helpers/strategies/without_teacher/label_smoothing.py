"""Label smoothing: the control that softens targets without a teacher."""

from dataclasses import dataclass

from distill_helpers.checks import fraction
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import smoothed_cross_entropy


@dataclass(frozen=True)
class LabelSmoothing(Strategy):
    """Cross-entropy against labels mixed with the uniform distribution.

    Szegedy, Vanhoucke, Ioffe, Shlens & Wojna, "Rethinking the Inception Architecture", CVPR 2016, section 7.
    As a control beside distillation: Yuan, Tay, Li, Wang & Feng, "Revisiting Knowledge Distillation via Label Smoothing
    Regularization", CVPR 2020. Raises InputError when smoothing is outside [0, 1].
    """

    smoothing: float = 0.1
    signals = ("labels",)
    needs_labels = True
    needs_teacher = False
    honours_task = True

    def __post_init__(self):
        fraction("smoothing", self.smoothing)

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "LabelSmoothing")
        return {"smoothed": smoothed_cross_entropy(student(batch.x).logits, y, self.smoothing, batch.task)}
