"""Pseudo-labels: an example without a label gets the teacher's first choice for one."""

from dataclasses import dataclass

import torch

from distill_helpers.strategies.contract import Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.label_means import says
from distill_helpers.strategies.contract.shapes import labels_fit


@dataclass(frozen=True)
class PseudoLabels(Strategy):
    """Cross-entropy on labels ỹ: the given label where there is one, else the teacher's first choice in that view.

    Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks", ICML 2013 workshop, eq. 14. There the
    net that is trained answers itself, anew in each step, and the pseudo-labels' weight grows; here a finished teacher answers once, and all
    labels count alike. With an earlier student for a teacher this is self-training: Yarowsky, "Unsupervised Word Sense Disambiguation
    Rivaling Supervised Methods", ACL 1995; the new student begins anew, as in Xie et al., "Self-Training with Noisy Student", CVPR 2020.
    Without any labels in the data, all are the teacher's.
    """

    signals = ("labels", "outputs")
    honours_task = True

    def loss(self, student, teacher, batch):
        answers, s = teacher(batch).logits, student(batch.x).logits
        labels = answers.argmax(-1)
        if batch.y is not None:
            y = require_class_targets(batch.y, "PseudoLabels")
            labels_fit(answers, y)
            labels = torch.where(says(y, batch.task), y, labels)
        return {"hard": cross_entropy(s, labels, batch.task)}
