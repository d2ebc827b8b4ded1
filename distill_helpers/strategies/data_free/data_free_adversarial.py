"""Data-free adversarial distillation: the generator looks for images on which student and teacher disagree."""

from dataclasses import dataclass

from torch import Tensor

from distill_helpers.strategies.contract.shapes import same_outputs
from distill_helpers.strategies.data_free.generating import Generating


@dataclass(frozen=True)
class DataFreeAdversarial(Generating):
    """The student minimises mean |t - s| over logits of generated images; the generator maximises it, or its log(1 + ·).

    DFAD: Fang et al., "Data-Free Adversarial Distillation", arXiv 1912.11006, 2019, section 3. The paper makes five updates of
    the student for each of the generator; here they take turns one to one, the generator first, so give it a small opponent_lr.
    """

    logarithm: bool = False

    def loss(self, student, teacher, batch):
        x = self.images(student, batch).detach()
        return {"gap": gap(teacher.live(x).logits.detach(), student(x).logits)}

    def opponent_loss(self, student, teacher, batch):
        x = self.images(student, batch)
        found = gap(teacher.live(x).logits, student(x).logits)
        return {"sought": -found.log1p() if self.logarithm else -found}


def gap(teacher: Tensor, student: Tensor) -> Tensor:
    """Mean absolute difference of logits, both [B, C]."""
    same_outputs(teacher, student)
    return (teacher - student).abs().mean()
