"""Soft targets: the student learns the teacher's whole output distribution."""

from dataclasses import dataclass

from distill_helpers.checks import fraction, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits


@dataclass(frozen=True)
class SoftTargets(Strategy):
    """weight · T² · KL(teacher_T || student_T) + (1 - weight) · cross-entropy.

    Hinton, Vinyals & Dean, "Distilling the Knowledge in a Neural Network", NIPS 2014 workshop, arXiv 1503.02531, section 2.
    The factor T² keeps the size of the gradient when T changes: d/dz_i of the soft term alone shrinks as 1/T² (eq. 2-4).
    With weight = 1 no labels are needed. Raises InputError when temperature <= 0 or weight is outside [0, 1].
    """

    temperature: float = 4.0
    weight: float = 0.9
    signals = ("labels", "outputs")
    honours_task = True

    def __post_init__(self):
        positive("temperature", self.temperature)
        fraction("weight", self.weight)

    @property
    def needs_labels(self):
        return self.weight != 1

    def loss(self, student, teacher, batch):
        s, t = student(batch.x).logits, teacher(batch).logits
        soft = self.temperature**2 * kl_from_logits(t, s, self.temperature)
        terms = {"soft": self.weight * soft}
        if batch.y is not None:
            y = require_class_targets(batch.y, "SoftTargets")
            terms["hard"] = (1 - self.weight) * cross_entropy(s, y, batch.task)
        return terms
