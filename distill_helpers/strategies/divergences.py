"""Distances between predicted distributions, written from log-softmax by hand.

``torch.nn.functional.kl_div`` has no batching rule under ``torch.func.vmap``, and its default reduction divides by the
number of classes as well; both are avoided here.
"""

import torch
from torch import Tensor


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy in nats. logits [B, C], labels int64 [B] -> scalar."""
    return -logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).mean()


def soft_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy against target probabilities [B, C], in nats."""
    return -(targets * logits.log_softmax(-1)).sum(-1).mean()


def kl_from_logits(teacher: Tensor, student: Tensor, temperature=1.0) -> Tensor:
    """Mean over the batch of KL(teacher || student) at one temperature, in nats. Both logits [B, C] -> scalar.

    No factor T² is applied: see ``SoftTargets``.
    """
    log_p = (teacher / temperature).log_softmax(-1)
    log_q = (student / temperature).log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1).mean()


def smoothed_cross_entropy(logits: Tensor, labels: Tensor, smoothing) -> Tensor:
    """Cross-entropy against (1 - smoothing)·one_hot + smoothing/C (Szegedy et al. 2016, section 7)."""
    log_q = logits.log_softmax(-1)
    hard = -log_q.gather(-1, labels.unsqueeze(-1)).mean()
    return (1 - smoothing) * hard + smoothing * -log_q.mean(-1).mean()


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy of softmax(logits) in nats, [B, C] -> scalar."""
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1).mean()


def temperature_softmax(logits: Tensor, temperature: float) -> Tensor:
    """softmax(z / T) (Hinton, Vinyals & Dean 2015, eq. 1)."""
    return torch.softmax(logits / temperature, -1)
