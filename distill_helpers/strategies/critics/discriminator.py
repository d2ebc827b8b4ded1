"""Discriminative distillation: a critic tells the teacher's answers from the student's, and the student tries to be mistaken for its teacher."""

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from distill_helpers.checks import InputError, at_least, one_of, positive, sizes
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.feature_tools import counts, not_in_a_grid
from distill_helpers.strategies.contract.remembered import Remembered
from distill_helpers.strategies.contract.shapes import one_answer_each
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.strategies.critics.critic import Critic


@dataclass(frozen=True)
class Alone(Strategy):
    """No loss of its own: ``Adversarial(Alone())`` learns from the critic and from nothing else."""

    signals = ()
    honours_task = True

    def loss(self, student, teacher, batch):
        return {}


@dataclass(frozen=True)
class Adversarial(Wrapper):
    """inner's loss + weight · softplus(-D(student's answer)), against a critic D that minimises
    softplus(D(student's answer)) + softplus(-D(teacher's answer)).

    That is the non-saturating game of Goodfellow et al., "Generative Adversarial Nets", NIPS 2014, section 3, with D the logit of
    "this is the teacher's". Both sides are shown as softmax at one ``temperature``.

    condition: what D knows besides the answer. "image": the image it belongs to. "none": nothing, so that only the distribution
    of the answers as a whole can be matched. "label": D also guesses the class from the answer, and critic and student both gain
    from a right guess (the auxiliary classifier of Odena et al. 2017).

    Xu, Hsu & Huang, "Training Shallow and Thin Networks for Acceleration via Knowledge Distillation with Conditional Adversarial
    Networks", arXiv 1709.00513, ICLR 2018 workshop: ``Adversarial(LogitRegression(norm=1, labels=1.0), condition="label")``.
    Belagiannis, Farshad & Galasso, "Adversarial Network Compression", ECCV 2018 workshops, arXiv 1803.10750, without labels:
    ``Adversarial(LogitRegression(norm=2), condition="none", relabelled=1.0)``, or with ``l1`` or ``l2`` for relabelled. Both
    differ from the papers in the critic's size and in that D sees softmax outputs.

    l1, l2: weights of Σ|w| and Σw² over the critic's weights. relabelled: weight of the student's answers shown to D once more as
    the teacher's (adversarial samples), which holds a strong critic back. gradient_penalty: weight of ½‖∇D‖² at the teacher's answer
    (penalty="teacher"; R1 of Mescheder, Geiger & Nowozin, ICML 2018, eq. 9), or of (‖∇D‖ - 1)² at a random point between the two
    answers to an image (penalty="between"; Gulrajani et al., NIPS 2017, eq. 3); the gradient is with respect to the answer.
    inputs: numbers in one image, for condition="image". hidden: the critic's width. opponent_steps: its updates for each of the student's.
    Raises InputError for a negative weight, a temperature <= 0, an unknown condition or penalty, or an inner with opponents.
    """

    inner: Strategy = Alone()
    weight: float = 1.0
    temperature: float = 1.0
    condition: str = "image"
    l1: float = 0.0
    l2: float = 0.0
    relabelled: float = 0.0
    gradient_penalty: float = 0.0
    penalty: str = "teacher"
    inputs: int = 784
    hidden: int = 64
    opponent_steps: int = 1
    opponents = ("critic",)
    needs_teacher = True
    needs_labels = property(lambda self: self.inner.needs_labels or self.condition == "label")
    signals = property(lambda self: tuple(dict.fromkeys((*self.inner.signals, "outputs", *["labels"] * (self.condition == "label")))))

    def __post_init__(self):
        if not isinstance(self.inner, Strategy) or self.inner.opponents:
            raise InputError(f"inner must be a strategy without opponents, but {self.inner!r} was given.")
        for name in ("weight", "l1", "l2", "relabelled", "gradient_penalty"):
            at_least(name, getattr(self, name), 0)
        positive("temperature", self.temperature)
        one_of("condition", self.condition, ("image", "label", "none"))
        one_of("penalty", self.penalty, ("between", "teacher"))
        sizes(inputs=self.inputs, hidden=self.hidden, opponent_steps=self.opponent_steps)

    def extras(self, student_outputs, teacher_outputs):
        one_answer_each(student_outputs.logits, "Adversarial")
        classes = student_outputs.logits.shape[-1]
        by_image, by_label = self.condition == "image", self.condition == "label"
        critic = Critic(classes, self.inputs if by_image else 0, classes if by_label else 0, self.hidden)
        return {**self.inner.extras(student_outputs, teacher_outputs), "critic": critic}

    def draw(self, x, generator):
        drawn = self.inner.draw(x, generator)
        if self.penalty == "between":
            drawn = {**drawn, "between": torch.rand(len(x), 1, generator=generator, device=x.device)}
        return drawn

    def shown(self, student, teacher, batch):
        """What the critic sees of each side: the student's and the teacher's answers, [B, C] each, in one representation."""
        ours, theirs = student(batch.x).logits, teacher(batch).logits
        return (ours / self.temperature).softmax(-1), (theirs / self.temperature).softmax(-1)

    def judged(self, student, answers, batch):
        """The critic's rows for answers [..., B, C]: scores [..., B, 1], or scores and guesses of the class [..., B, 1 + C]."""
        return student.extra("critic", answers, batch.x) if self.condition == "image" else student.extra("critic", answers)

    def loss(self, student, teacher, batch):
        not_in_a_grid("Adversarial", opponent_steps=self.opponent_steps)
        once = Remembered(student, batch.x)
        ours, _ = self.shown(once, teacher, batch)
        rows = self.judged(once, ours, batch)
        terms = {**self.inner.loss(once, teacher, batch), "fool": self.weight * taken_for_teacher(rows)}
        if self.condition == "label":
            y = require_class_targets(batch.y, "Adversarial")
            terms["guess"] = self.weight * cross_entropy(rows[:, 1:], y, batch.task)
        return terms

    def opponent_loss(self, student, teacher, batch):
        shown = [answers.detach() for answers in self.shown(student, teacher, batch)]
        if self.penalty == "between":
            share = batch.noise["between"]
            shown.append(share * shown[1] + (1 - share) * shown[0])

        def summed(answers):
            rows = self.judged(student, answers, batch)
            return rows[..., 0].sum(), rows

        shown, terms = torch.stack(shown), {}
        if counts(self.gradient_penalty):
            gradients, rows = torch.func.grad(summed, has_aux=True)(shown)
            terms["slope"] = self.gradient_penalty * self.slope(gradients)
        else:
            rows = summed(shown)[1]
        ours, theirs = rows[0], rows[1]
        terms["tell"] = taken_for_student(ours) + taken_for_teacher(theirs)
        if self.condition == "label":
            y = require_class_targets(batch.y, "Adversarial")
            terms["guess"] = cross_entropy(ours[:, 1:], y, batch.task) + cross_entropy(theirs[:, 1:], y, batch.task)
        if counts(self.relabelled):
            terms["relabelled"] = self.relabelled * taken_for_teacher(ours)
        if counts(self.l1) or counts(self.l2):
            absolute, square = student.extra("critic", None)
            terms["shrink"] = self.l1 * absolute + self.l2 * square
        return terms

    def slope(self, gradients):
        """The penalty on the critic's gradients with respect to the answers: the student's, the teacher's, and those between, [2 or 3, B, C]."""
        if self.penalty == "teacher":
            return 0.5 * gradients[1].square().sum(-1).mean()
        return ((gradients[2].square().sum(-1) + 1e-12).sqrt() - 1).square().mean()


def taken_for_teacher(rows):
    """Mean of -log σ(D) over the first column of rows [B, ...]: small where D takes the answers for the teacher's."""
    return F.softplus(-rows[:, 0]).mean()


def taken_for_student(rows):
    """Mean of -log(1 - σ(D)): small where D takes the answers for the student's."""
    return F.softplus(rows[:, 0]).mean()
