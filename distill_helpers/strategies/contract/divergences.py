"""Distances between predicted distributions, written from log-softmax by hand.

``torch.nn.functional.kl_div`` has no batching rule under ``torch.func.vmap``, and its default reduction divides by the
number of classes as well; both are avoided here. Rows of logits may have any leading shape, [B, C], [B, T, C] or [B, H, W, C], with
labels of that shape; means are over all of them. ``task``, the class weights and ignore index of the data, makes of each mean over
labels the weighted mean over those that say something, as in ``torch.nn.functional.cross_entropy``; if none does it is 0, there NaN.
"""

import torch
from torch import Tensor

from distill_helpers.strategies.contract import Task
from distill_helpers.strategies.contract.label_means import known, label_mean, label_weights, over, plain, says
from distill_helpers.strategies.contract.shapes import labels_fit, same_outputs


def cross_entropy(logits: Tensor, labels: Tensor, task: Task | None = None) -> Tensor:
    """Mean cross-entropy in nats. logits [..., C], labels int64 [...] -> scalar. Raises InputError for other shapes."""
    labels_fit(logits, labels)
    if plain(task):
        return -logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).mean()
    return label_mean(losses(logits.log_softmax(-1), labels, task), labels, task, logits)


def kl_from_logits(teacher: Tensor, student: Tensor, temperature=1.0) -> Tensor:
    """Mean over all rows of KL(teacher || student) at one temperature, in nats. Both logits [..., C] -> scalar.

    No factor T² is applied: see ``SoftTargets``.
    """
    return kl_rows(teacher, student, temperature).mean()


def kl_rows(teacher: Tensor, student: Tensor, temperature=1.0) -> Tensor:
    """KL(teacher || student) of each row, both logits [..., C] -> [...]."""
    same_outputs(teacher, student)
    log_p = (teacher / temperature).log_softmax(-1)
    log_q = (student / temperature).log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing, task: Task | None = None) -> Tensor:
    """Cross-entropy against (1 - smoothing)·one_hot + smoothing/C (Szegedy et al. 2016, section 7).

    With class weights, each class of the smoothed target has its own: -Σ_c w_c q_c log p_c, over the sum of the labels' weights.
    """
    labels_fit(logits, labels)
    log_q = logits.log_softmax(-1)
    if plain(task):
        hard = -log_q.gather(-1, labels.unsqueeze(-1)).mean()
        return (1 - smoothing) * hard + smoothing * -log_q.mean(-1).mean()
    hard = label_mean(losses(log_q, labels, task), labels, task, log_q)
    each = log_q if task.class_weights is None else log_q * task.class_weights.to(log_q.dtype)
    even = over(-(each.mean(-1) * says(labels, task)).sum(), label_weights(labels, task, log_q))
    return (1 - smoothing) * hard + smoothing * even


def losses(log_q: Tensor, labels: Tensor, task: Task | None = None) -> Tensor:
    """-log q of each label, [...], for log-probabilities [..., C]; of class 0 where a label says nothing."""
    return -log_q.gather(-1, known(labels, task).unsqueeze(-1)).squeeze(-1)


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy of softmax(logits) in nats, [..., C] -> scalar."""
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1).mean()


def temperature_softmax(logits: Tensor, temperature: float) -> Tensor:
    """softmax(z / T) (Hinton, Vinyals & Dean 2015, eq. 1)."""
    return torch.softmax(logits / temperature, -1)
