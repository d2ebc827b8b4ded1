"""Born-again networks: a student of the teacher's own architecture."""

from dataclasses import dataclass

from distill_helpers.checks import at_least
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits


@dataclass(frozen=True)
class BornAgain(Strategy):
    """KL(teacher || student) at temperature 1 + label_weight · cross-entropy.

    Furlanello, Lipton, Tschannen, Itti & Anandkumar, "Born-Again Neural Networks", ICML 2018, section 3. label_weight = 0 is BAN,
    1 is BAN+L. The loss is ordinary; what is new is who teaches. Generation k + 1 is ``distill(build, run.model(0), ...)``
    with ``build`` making the same architecture and ``run`` being generation k; generation 0 learns from labels.
    Raises InputError when label_weight is negative.
    """

    label_weight: float = 0.0
    signals = ("labels", "outputs")
    honours_task = True

    def __post_init__(self):
        at_least("label_weight", self.label_weight, 0)

    @property
    def needs_labels(self):
        return self.label_weight != 0

    def targets(self, answers, noise):
        """The teacher's logits [B, C] as the student sees them."""
        return answers

    def loss(self, student, teacher, batch):
        s = student(batch.x).logits
        terms = {"soft": kl_from_logits(self.targets(teacher(batch).logits, batch.noise), s)}
        if batch.y is not None:
            terms["hard"] = self.label_weight * cross_entropy(s, require_class_targets(batch.y, type(self).__name__), batch.task)
        return terms
