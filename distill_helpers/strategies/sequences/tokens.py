"""What the losses on tokens share: log-probabilities in single precision, which places count, and the mean over those."""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, finite_number
from distill_helpers.strategies.contract import Task
from distill_helpers.strategies.contract.label_means import over, says
from distill_helpers.strategies.contract.shapes import same_outputs

LOWEST = -1e4  # a log-probability whose exponential is 0 in every floating-point type, and which is finite


def log_probabilities(logits: Tensor, temperature=1.0) -> Tensor:
    """log softmax(logits / T), [..., V], in nats. Logits in half precision are brought to single precision first.

    No value is below -10,000, so that a token which a model excludes by a logit of -inf gives finite numbers: its probability is 0.
    """
    full = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return (full / temperature).log_softmax(-1).clamp(min=LOWEST)


def same_vocabulary(teacher: Tensor, student: Tensor) -> None:
    """Raise InputError unless both answer about the same tokens at the same places, logits [..., V] in one shape.

    A narrower answer is not filled up: a logit of 0 for a missing token is no small probability, and token i of two vocabularies is not one token.
    """
    if teacher.shape[-1] != student.shape[-1]:
        raise InputError(
            f"teacher must have the student's vocabulary of {student.shape[-1]} tokens, but it answers about {teacher.shape[-1]}; logits of two "
            f"vocabularies cannot be compared token by token, and filling up the narrower one would not make them."
        )
    same_outputs(teacher, student)


def places_that_count(shape, x: Tensor, labels: Tensor | None, task: Task | None, padding: int | None) -> Tensor:
    """True at the places whose label says something and whose input is not ``padding``; bool of ``shape``, which is [B, T] or [B].

    x: the inputs; looked at only where ``padding`` is given, and then tokens of that shape. labels: of that shape, or None, which says
    nothing about places. Raises InputError for other inputs where ``padding`` is given.
    """
    counts = torch.ones(shape, dtype=torch.bool, device=x.device) if labels is None else says(labels, task)
    if padding is not None:
        if x.shape != shape or x.is_floating_point():
            given = f"{x.dtype} {tuple(x.shape)} for answers at places {tuple(shape)} was given"
            raise InputError(f"padding is told from inputs that are tokens, one for each place, but {given}.")
        counts = counts & (x != padding)
    return counts


def token_mean(each: Tensor, counts: Tensor) -> Tensor:
    """Mean of ``each`` over the places that count, both [...]; 0 where none does."""
    return over(each.where(counts, 0).sum(), counts.to(each.dtype))


def between_0_and_1(name: str, value) -> None:
    """Raise InputError unless 0 < value < 1."""
    finite_number(name, value)
    if not 0 < value < 1:
        raise InputError(f"{name} must be greater than 0 and less than 1, but {value!r} was given.")
