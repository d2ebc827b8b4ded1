"""Soft targets whose scale does not matter: each example's logits are standardised before the softmax."""

from dataclasses import dataclass

from distill_helpers.checks import fraction, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits


@dataclass(frozen=True)
class StandardisedTargets(Strategy):
    """weight · T² · KL(softmax(Z(t)/T) || softmax(Z(s)/T)) + (1 - weight) · cross-entropy, Z(z) = (z - mean z) / std z.

    Sun, Ren, Li, Wang & Cao, "Logit Standardization in Knowledge Distillation", CVPR 2024, algorithms 1 and 2; T = 2 is their
    base temperature. Mean and standard deviation are taken over one example's classes, so the student need not reach the
    range of the teacher's logits. The deviation divides by C, so no |Z| exceeds √(C - 1); the authors' code divides by C - 1.
    Their two weights are free; here they sum to 1 as in ``SoftTargets``, from which then only Z differs.
    Raises InputError when temperature <= 0 or weight is outside [0, 1].
    """

    temperature: float = 2.0
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
        soft = self.temperature**2 * kl_from_logits(standardised(t), standardised(s), self.temperature)
        terms = {"soft": self.weight * soft}
        if batch.y is not None:
            terms["hard"] = (1 - self.weight) * cross_entropy(s, require_class_targets(batch.y, "StandardisedTargets"), batch.task)
        return terms


def standardised(logits, epsilon: float = 1e-7):
    """Each row of logits [B, C] with mean 0 and standard deviation 1; a constant row becomes zeros."""
    centred = logits - logits.mean(-1, keepdim=True)
    return centred / (logits.std(-1, correction=0, keepdim=True) + epsilon)
