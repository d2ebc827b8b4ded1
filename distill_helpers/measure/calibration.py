"""How right, and how honest about it: all take logits [..., N, C] and labels int64 [N], and give [...]."""

import torch
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of examples whose largest logit is the label's."""
    return (logits.argmax(-1) == labels).float().mean(-1)


def nll(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood of the labels, in nats."""
    index = labels.expand(logits.shape[:-1]).unsqueeze(-1)
    return -logits.log_softmax(-1).gather(-1, index).squeeze(-1).mean(-1)


def brier(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean squared distance between the predicted distribution and the one-hot label, 0 to 2 (Brier 1950)."""
    target = torch.nn.functional.one_hot(labels, logits.shape[-1])
    return (logits.softmax(-1) - target).square().sum(-1).mean(-1)


def reliability(logits: Tensor, labels: Tensor, bins: int = 15) -> dict[str, Tensor]:
    """Per bin of equal width over confidence in (0, 1]: "confidence", "accuracy" (means, 0 in empty bins) and "share", each [..., bins]."""
    confidence, top = logits.softmax(-1).max(-1)
    correct = (top == labels).float()
    number = (confidence * bins).ceil().long().clamp(1, bins) - 1
    member = torch.nn.functional.one_hot(number, bins).float()  # [..., N, bins]
    count = member.sum(-2)
    safe = count.clamp(min=1)
    return {
        "confidence": (member * confidence.unsqueeze(-1)).sum(-2) / safe,
        "accuracy": (member * correct.unsqueeze(-1)).sum(-2) / safe,
        "share": count / labels.shape[-1],
    }


def ece(logits: Tensor, labels: Tensor, bins: int = 15) -> Tensor:
    """Expected calibration error: mean gap between confidence and accuracy over bins, weighted by share (Guo et al. 2017, eq. 3)."""
    table = reliability(logits, labels, bins)
    return (table["share"] * (table["confidence"] - table["accuracy"]).abs()).sum(-1)


def agreement(logits: Tensor, other: Tensor) -> Tensor:
    """Share of examples on which two models name the same class."""
    return (logits.argmax(-1) == other.argmax(-1)).float().mean(-1)


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the predicted distribution, in nats."""
    log_p = logits.log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1).mean(-1)
