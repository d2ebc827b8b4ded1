"""How often each class comes, and how far two such distributions lie apart."""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, labels_in_range, not_empty, whole


def class_shares(classes: Tensor, count: int) -> Tensor:
    """The share of each of ``count`` classes, float [count], in class numbers int64 [N].

    Raises InputError for no examples, for another type or shape, and for numbers outside 0 ... count - 1.
    """
    whole("count", count)
    if classes.dtype != torch.int64 or classes.dim() != 1:
        raise InputError(f"classes must be int64 [N], but {classes.dtype} {list(classes.shape)} was given.")
    not_empty("classes", len(classes))
    labels_in_range("classes", classes, count)
    return torch.bincount(classes, minlength=count) / len(classes)


def total_variation(p, q) -> Tensor:
    """Half the sum of |p - q| over classes: the largest difference in probability of any set of classes, from 0 to 1.

    p, q: shares [..., C], which sum to 1; the last dimension is summed. Raises InputError for shares that do not, or are negative.
    """
    p, q = (torch.as_tensor(v, dtype=torch.double) for v in (p, q))
    for name, given in (("p", p), ("q", q)):
        if not ((given.sum(-1) - 1).abs() < 1e-4).all() or (given < 0).any():
            raise InputError(f"{name} must hold shares that sum to 1, but they sum to {given.sum(-1).flatten()[0]:g}.")
    if p.shape[-1] != q.shape[-1]:
        raise InputError(f"p and q must have as many classes, but {p.shape[-1]} and {q.shape[-1]} were given.")
    return 0.5 * (p - q).abs().sum(-1)
