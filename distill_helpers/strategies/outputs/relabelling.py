"""Relabelling: where a confident teacher contradicts a label, the student gets the teacher's."""

from dataclasses import dataclass

import torch

from distill_helpers.checks import InputError, fraction
from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.label_means import plain, says
from distill_helpers.strategies.contract.shapes import labels_fit
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.strategies.outputs.soft_targets import SoftTargets


@dataclass(frozen=True)
class Relabelled(Wrapper):
    """inner's loss on labels ỹ: the teacher's first choice where its probability is at least ``threshold``, else the given label.

    A model's own confident prediction as a label: Lee, "Pseudo-Label", ICML 2013 workshop. In place of a noisy label: Reed et al.,
    "Training Deep Neural Networks on Noisy Labels with Bootstrapping", ICLR 2015 workshop, section 3.2 (hard). From a teacher:
    Li et al., "Learning from Noisy Labels with Distillation", ICCV 2017, who mix label and answer for every example; that mix
    is what ``SoftTargets`` does. The threshold is ours to combine the two. threshold = 0: all labels are the teacher's.
    Probabilities are at temperature 1. Raises InputError when inner uses no labels, or threshold is outside [0, 1].
    """

    inner: Strategy = SoftTargets()
    threshold: float = 0.9
    signals = property(lambda self: tuple(dict.fromkeys((*self.inner.signals, "outputs"))))
    needs_teacher = True

    def __post_init__(self):
        if not isinstance(self.inner, Strategy) or not self.inner.needs_labels:
            raise InputError(f"inner must be a strategy that uses labels, but {self.inner!r} was given.")
        fraction("threshold", self.threshold)

    def loss(self, student, teacher, batch):
        y = require_class_targets(batch.y, "Relabelled")
        return self.inner.loss(student, teacher, batch._replace(y=relabelled(teacher(batch).logits, y, self.threshold, batch.task)))


def relabelled(logits, labels, threshold, task=None):
    """Labels int64 [...], replaced by the first choice of logits [..., C] where that is at least ``threshold`` sure.

    A label that says nothing (``task``) stays so: it marks what is not to be learnt, such as padding.
    """
    labels_fit(logits, labels)
    confidence, first = logits.softmax(-1).max(-1)
    sure = confidence >= threshold
    return torch.where(sure if plain(task) else sure & says(labels, task), first, labels)
