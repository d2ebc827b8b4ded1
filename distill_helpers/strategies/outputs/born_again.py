"""Born-again networks: a student of the teacher's own architecture, and two controls on what it learns."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, at_least, whole
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits, losses
from distill_helpers.strategies.contract.label_means import label_weights, over, plain
from distill_helpers.strategies.contract.shapes import labels_fit, one_answer_each


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


@dataclass(frozen=True)
class PermutedDarkKnowledge(BornAgain):
    """DKPP (section 3 of the same paper): the teacher's probabilities of all classes but its first choice change places.

    The first choice and how sure the teacher is stay; which wrong classes resemble the input is lost. The permutation is
    another one for each example and step. classes: how many there are. Raises InputError for fewer than 3, and when the teacher has another
    number.
    """

    classes: int = 10

    def __post_init__(self):
        super().__post_init__()
        whole("classes", self.classes, 2)
        if self.classes == 2:
            raise InputError("classes must be at least 3, but 2 was given: a single wrong class has none to change places with.")

    def draw(self, x, generator):
        return {"keys": torch.rand(len(x), self.classes, generator=generator, device=x.device)}

    def targets(self, answers, noise):
        one_answer_each(answers, "PermutedDarkKnowledge")
        if noise["keys"].shape[-1] != answers.shape[-1]:
            raise InputError(f"classes must be {answers.shape[-1]}, as the teacher has, but {noise['keys'].shape[-1]} was given.")
        places = torch.arange(answers.shape[-1], device=answers.device)
        first = places == answers.argmax(-1, keepdim=True)
        # both orders begin with the first choice, which therefore stays where it is
        before, after = noise["keys"].masked_fill(first, -1).argsort(-1), places.masked_fill(first, -1).argsort(-1)
        return torch.zeros_like(answers).scatter(-1, after, answers.gather(-1, before))


@dataclass(frozen=True)
class ConfidenceWeighted(Strategy):
    """CWTM (section 3 of the same paper): cross-entropy on labels, each example weighted by the teacher's largest probability.

    The weights are divided by their sum over the batch. Nothing is learnt about wrong classes.
    """

    signals = ("labels", "outputs")
    needs_labels = True
    honours_task = True

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "ConfidenceWeighted")
        answers = teacher(batch).logits
        labels_fit(answers, y)
        sure = answers.softmax(-1).amax(-1)
        s = student(batch.x).logits
        labels_fit(s, y)
        each = losses(s.log_softmax(-1), y, batch.task)
        if not plain(batch.task):
            weights = sure * label_weights(y, batch.task, s)
            return {"weighted": over((weights * each).sum(), weights)}
        return {"weighted": (sure / sure.sum() * each).sum()}
