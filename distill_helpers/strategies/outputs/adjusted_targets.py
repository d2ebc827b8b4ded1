"""Knowledge adjustment: where the teacher is wrong about an example, its answer is put right before the student sees it."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import fraction, one_of, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits
from distill_helpers.strategies.contract.label_means import known, plain, says
from distill_helpers.strategies.contract.shapes import labels_fit, same_outputs


@dataclass(frozen=True)
class AdjustedTargets(Strategy):
    """weight · T² · KL(A(teacher_T) || student_T) + (1 - weight) · cross-entropy, A the adjustment of wrong answers.

    Wen, Lai & Qian, "Preparing Lessons: Improve Knowledge Distillation with Better Supervision", arXiv 1911.07471, 2019, the
    part on knowledge adjustment. An answer is wrong when its first choice is not the label; right answers stay.
    adjustment="shift" (probability shift): the values of the first choice and of the label change places. "smooth" (label
    smooth regularisation): the softened answer becomes (1 - smoothing) · label + smoothing / C, which at a high T is far sharper
    than the answers that stay. The paper drops the cross-entropy (weight = 1), because no target is wrong any more; the default
    keeps a tenth, as plain soft targets do. The paper's other half, dynamic temperature, is not here. Where the LABEL is wrong
    and the teacher right, this puts the error back in. Where a label says nothing the teacher's answer stays as it is.
    Raises InputError when temperature <= 0, weight or smoothing is outside [0, 1], or the adjustment is another.
    """

    temperature: float = 4.0
    weight: float = 0.9
    adjustment: str = "shift"
    smoothing: float = 0.1
    signals = ("labels", "outputs")
    needs_labels = True
    honours_task = True

    def __post_init__(self):
        positive("temperature", self.temperature)
        fraction("weight", self.weight)
        one_of("adjustment", self.adjustment, ("shift", "smooth"))
        fraction("smoothing", self.smoothing)

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "AdjustedTargets")
        s, t = student(batch.x).logits, teacher(batch).logits
        same_outputs(t, s)
        labels_fit(t, y)
        adjusted = shifted(t, known(y, batch.task)) if self.adjustment == "shift" else self.smoothed(t, known(y, batch.task))
        if not plain(batch.task):
            adjusted = torch.where(says(y, batch.task).unsqueeze(-1), adjusted, t)
        soft = self.temperature**2 * kl_from_logits(adjusted, s, self.temperature)
        return {"soft": self.weight * soft, "hard": (1 - self.weight) * cross_entropy(s, y, batch.task)}

    def smoothed(self, logits, labels):
        """Wrong answers become logits whose softmax at T is the smoothed label, [B, C]."""
        right = torch.arange(logits.shape[-1], device=logits.device) == labels.unsqueeze(-1)
        share = (1 - self.smoothing) * right + self.smoothing / logits.shape[-1]
        wrong = logits.argmax(-1) != labels
        return torch.where(wrong.unsqueeze(-1), self.temperature * share.clamp(min=1e-30).log(), logits)


def shifted(logits, labels):
    """Logits [B, C] whose largest value stands at the label, int64 [B]: it has changed places with the label's own value."""
    own, first = labels.unsqueeze(-1), logits.argmax(-1, keepdim=True)
    value, largest = logits.gather(-1, own), logits.gather(-1, first)
    return logits.scatter(-1, first, value).scatter(-1, own, largest)
