"""Soft targets on blends of two inputs: the teacher is asked about what the student sees."""

from dataclasses import dataclass

from distill_helpers.checks import fraction, positive
from distill_helpers.strategies.contract import require_class_targets
from distill_helpers.strategies.contract.divergences import kl_from_logits
from distill_helpers.strategies.robust.mixup import Mixup, blend, check_shared, mixed_cross_entropy


@dataclass(frozen=True)
class MixupDistillation(Mixup):
    """weight · T² · KL(teacher_T || student_T) + (1 - weight) · mixup's cross-entropy, all on the blends of ``Mixup`` (Zhang et al., ICLR 2018).

    The soft term is Hinton et al. 2015 on mixed inputs: the live teacher answers the very blend that the student sees, so its
    answers are not blended. Every step costs a teacher evaluation an example. With weight = 1 no labels are needed.
    Raises InputError when temperature <= 0 or weight is outside [0, 1].
    """

    temperature: float = 4.0
    weight: float = 0.9
    signals = ("labels", "outputs")
    needs_teacher = True

    def __post_init__(self):
        super().__post_init__()
        positive("temperature", self.temperature)
        fraction("weight", self.weight)

    @property
    def needs_labels(self):
        return self.weight != 1

    def loss(self, student, teacher, batch):
        check_shared("alpha", self.alpha)
        x = blend(batch)
        s, t = student(x).logits, teacher.live(x).logits
        terms = {"soft": self.weight * self.temperature**2 * kl_from_logits(t, s, self.temperature)}
        if batch.y is not None:
            y = require_class_targets(batch.y, "MixupDistillation")
            terms["hard"] = (1 - self.weight) * mixed_cross_entropy(s, y, batch.noise, batch.task)
        return terms
