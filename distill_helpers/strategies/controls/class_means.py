"""Class means: what a teacher's answers still teach when each image gets the mean answer of its class."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import require_class_targets
from distill_helpers.strategies.contract.label_means import says
from distill_helpers.strategies.contract.shapes import labels_fit, one_answer_each
from distill_helpers.strategies.controls.control import Control

_MEANS = "class means"


@dataclass(frozen=True)
class ClassMeanTeacher(Control):
    """The teacher's answer to an image becomes the mean of its logits over all images of the class, in all views.

    The class is the image's label where it has one, else the teacher's first choice in that view; the means are over the images by the teacher's
    first choice, so that no label is used that the student has not got. What stays is which classes resemble each other, what goes is all that
    the teacher says of the single image. A shuffle within the class (``ShuffledTeacher``) also adds wrong remarks; a mean does not.
    A class that the teacher never chooses gets the mean over all images. For strategies that ask for stored logits alone.
    Raises InputError where the answers are what they were, and for a strategy that asks about made-up inputs.
    """

    signals = property(lambda self: tuple(dict.fromkeys(("labels", *self.inner.signals))))

    def __post_init__(self):
        super().__post_init__()
        if self.inner.teacher_features:
            raise InputError(f"inner must ask for logits alone, but {self.inner.name} asks for {', '.join(self.inner.teacher_features)}.")

    def prepare_teacher(self, teacher):
        teacher = self.inner.prepare_teacher(teacher)
        logits = teacher.column("logits")  # [V, N, C]
        one_answer_each(logits[0], "ClassMeanTeacher")
        chosen = torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits.dtype)
        count = chosen.sum((0, 1)).unsqueeze(-1)
        means = torch.where(count > 0, torch.einsum("vnc,vnd->cd", chosen, logits) / count.clamp(min=1), logits.mean((0, 1)))
        if torch.equal(means[logits.argmax(-1)], logits):
            raise InputError("ClassMeanTeacher must change the answers, but the teacher gives the same one to all images of a class.")
        return teacher.with_columns({_MEANS: means.expand(*logits.shape[:2], *means.shape)})

    def loss(self, student, teacher, batch):
        answers = teacher(batch)
        number = answers.logits.argmax(-1)
        if batch.y is not None:
            y = require_class_targets(batch.y, "ClassMeanTeacher")
            labels_fit(answers.logits, y)
            number = torch.where(says(y, batch.task), y, number)
        means = answers.features[_MEANS]  # [B, C, C]
        where = number[:, None, None].expand(-1, 1, means.shape[-1])
        return self.inner.loss(student, _Given(answers._replace(logits=means.gather(1, where).squeeze(1))), batch)


class _Given:
    """A teacher that has answered already."""

    def __init__(self, answers):
        self.answers = answers

    def __call__(self, batch):
        return self.answers

    def __getattr__(self, name):
        raise InputError(f"inner must ask for stored logits alone, but it asks for teacher.{name}, where no class has a mean answer.")
