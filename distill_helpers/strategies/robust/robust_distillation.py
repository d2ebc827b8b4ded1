"""Adversarially robust distillation: under attack the student answers what its teacher answers in peace."""

from dataclasses import dataclass

from distill_helpers.checks import fraction, positive
from distill_helpers.strategies.contract import require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits
from distill_helpers.strategies.contract.feature_tools import not_in_a_grid
from distill_helpers.strategies.robust.adversarial_training import AdversarialTraining, attack


@dataclass(frozen=True)
class RobustDistillation(AdversarialTraining):
    """weight · T² · KL(teacher_T(x) || student_T(x + δ)) + (1 - weight) · cross-entropy of student(x).

    Goldblum, Fowl, Feizi & Goldstein, "Adversarially Robust Distillation", AAAI 2020, eq. 3. δ is the student's own worst
    perturbation of this step, found as in ``AdversarialTraining`` by raising the cross-entropy of the label, as in the authors'
    code: so labels are needed even with weight = 1, which is that code's default, beside T = 30. The teacher sees the clean x
    only, so its cached answers serve. The code's KL is also divided by the number of classes; here, as in eq. 3, it is not.
    A robust teacher is meant. Raises InputError when temperature <= 0, weight is outside [0, 1], eps < 0 or steps < 1.
    """

    temperature: float = 4.0
    weight: float = 0.9
    signals = ("labels", "outputs")
    needs_teacher = True

    def __post_init__(self):
        super().__post_init__()
        positive("temperature", self.temperature)
        fraction("weight", self.weight)

    def loss(self, student, teacher, batch):
        not_in_a_grid("RobustDistillation", steps=self.steps)
        y = require_class_targets(batch.y, "RobustDistillation")
        attacked = attack(student, batch.x, y, batch.noise["start"], self.eps, self.steps, batch.task)
        soft = self.temperature**2 * kl_from_logits(teacher(batch).logits, student(attacked).logits, self.temperature)
        return {"robust": self.weight * soft, "hard": (1 - self.weight) * cross_entropy(student(batch.x).logits, y, batch.task)}
