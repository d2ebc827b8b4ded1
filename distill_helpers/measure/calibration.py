"""How right, and how honest about it.

All take logits [..., N, C] (a leading dimension for students is welcome) and labels int64 [N], and give one figure for each
leading index, [...]. All raise InputError for logits that are not finite or labels that do not fit them.
"""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, finite, labels_in_range, not_empty, whole


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of examples whose largest logit is the label's."""
    logits = _checked(logits, labels)
    return (logits.argmax(-1) == labels).float().mean(-1)


def nll(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood of the labels, in nats."""
    logits = _checked(logits, labels)
    index = labels.expand(logits.shape[:-1]).unsqueeze(-1)
    return -logits.log_softmax(-1).gather(-1, index).squeeze(-1).mean(-1)


def brier(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean squared distance between the predicted distribution and the one-hot label, 0 to 2 (Brier 1950)."""
    logits = _checked(logits, labels)
    target = torch.nn.functional.one_hot(labels, logits.shape[-1])
    return (logits.softmax(-1) - target).square().sum(-1).mean(-1)


def reliability(logits: Tensor, labels: Tensor, bins: int = 15) -> dict[str, Tensor]:
    """What a reliability plot shows, per bin of equal width over confidence (Niculescu-Mizil & Caruana 2005).

    Bin i holds confidences in (i / bins, (i + 1) / bins]. "confidence" and "accuracy" are means within the bin (0 where it is
    empty), "share" is the part of the examples that fall into it; each [..., bins].
    """
    logits = _checked(logits, labels)
    whole("bins", bins)
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
    """Expected calibration error: the gap between confidence and accuracy, averaged over bins by their share.

    Naeini, Cooper & Hauskrecht 2015; Guo, Pleiss, Sun & Weinberger 2017, eq. 3.
    """
    table = reliability(logits, labels, bins)
    return (table["share"] * (table["confidence"] - table["accuracy"]).abs()).sum(-1)


def agreement(logits: Tensor, other: Tensor) -> Tensor:
    """Share of examples on which two models name the same class; [S, N, C] against [N, C] gives [S]."""
    logits, other = _checked(logits), _checked(other)
    if logits.shape[-2:] != other.shape[-2:]:
        shapes = f"{list(logits.shape)} and {list(other.shape)}"
        raise InputError(f"logits and other must both be [..., N, C], but {shapes} were given.")
    try:
        return (logits.argmax(-1) == other.argmax(-1)).float().mean(-1)
    except RuntimeError as error:
        shapes = f"{list(logits.shape)} and {list(other.shape)}"
        raise InputError(f"logits and other must agree in their leading dimensions, but {shapes} were given.") from error


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy of the predicted distribution, in nats."""
    log_p = _checked(logits).log_softmax(-1)
    return -(log_p.exp() * log_p).sum(-1).mean(-1)


def _checked(logits: Tensor, labels: Tensor | None = None) -> Tensor:
    """The logits as float32 or wider."""
    if not isinstance(logits, Tensor) or not logits.is_floating_point() or logits.dim() < 2:
        given = f"{logits.dtype} {list(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(f"logits must be floating-point [..., N, C], but {given} was given.")
    not_empty("logits", logits.shape[-2])
    finite("logits", logits)
    if labels is not None:
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != logits.shape[-2:-1]:
            given = f"{labels.dtype} {list(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
            raise InputError(f"labels must be int64 [{logits.shape[-2]}], one for each example, but {given} was given.")
        labels_in_range("labels", labels, logits.shape[-1])
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
