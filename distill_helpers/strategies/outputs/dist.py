"""Matching relations instead of probabilities: the student's answers need only correlate with the teacher's."""

from dataclasses import dataclass

from distill_helpers.checks import at_least, positive
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.shapes import same_outputs


@dataclass(frozen=True)
class RelationalMatching(Strategy):
    """label_weight · cross-entropy + T² · (inter · L_inter + intra · L_intra), called DIST in its paper.

    Huang, You, Wang, Qian & Xu, "Knowledge Distillation from A Stronger Teacher", NeurIPS 2022, section 4. L_inter is the mean
    over examples of 1 - Pearson's correlation between the rows of the two softmax tables [B, C]; L_intra is the mean over
    classes of the same between their columns. The defaults are those for ImageNet; for CIFAR-100 the authors take inter =
    intra = 2 and T = 4. The factor T² is that of their code. L_intra compares the examples of one batch, so it depends on
    the batch size, and for a single example it is 1. Raises InputError when temperature <= 0 or a weight is negative.
    """

    inter: float = 1.0
    intra: float = 1.0
    temperature: float = 1.0
    label_weight: float = 1.0
    signals = ("labels", "outputs")
    honours_task = True

    def __post_init__(self):
        for name in ("inter", "intra", "label_weight"):
            at_least(name, getattr(self, name), 0)
        positive("temperature", self.temperature)

    @property
    def needs_labels(self):
        return self.label_weight != 0

    def loss(self, student, teacher, batch):
        s, t = student(batch.x).logits, teacher(batch).logits
        same_outputs(t, s)
        # the answers of a sequence or a map are examples of their own
        p, q = ((z / self.temperature).softmax(-1).flatten(0, -2) for z in (t, s))
        square = self.temperature**2
        terms = {
            "inter": square * self.inter * (1 - correlation(p, q)).mean(),
            "intra": square * self.intra * (1 - correlation(p.mT, q.mT)).mean(),
        }
        if batch.y is not None:
            terms["hard"] = self.label_weight * cross_entropy(s, require_class_targets(batch.y, "RelationalMatching"), batch.task)
        return terms


def correlation(a, b, epsilon: float = 1e-8):
    """Pearson's correlation between the rows of a and b, both [R, K] -> [R]; 0 where a row is constant."""
    a, b = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1) + epsilon)
