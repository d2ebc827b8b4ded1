"""Pools of token sequences, with a target for each place or for each sequence."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distill_helpers.checks import InputError, finite_number, not_empty, whole
from distill_helpers.data.pool import Pool

IGNORED = -100  # the default ignore_index of torch's cross entropy


@dataclass(frozen=True, eq=False)
class TokenPool(Pool):
    """tokens: whole numbers [N, T], kept as int64. labels: targets [N, T] or [N], from 0 to classes - 1 or ``ignore_index``, or None.

    vocabulary: how many tokens there are, by default ``classes``. Inputs are int64 [..., T].
    Raises InputError for tokens of another type or shape or out of range, and for labels that do not fit (``settled_labels``).
    """

    tokens: Tensor
    labels: Any
    classes: int | None
    name: str = "tokens"
    vocabulary: int | None = None
    class_weights: Tensor | None = None
    ignore_index: int | None = IGNORED

    _moved = ("tokens",)

    def __post_init__(self):
        tokens = _whole_numbers("tokens", self.tokens)
        object.__setattr__(self, "tokens", tokens)
        if self.vocabulary is None:
            object.__setattr__(self, "vocabulary", self.classes)
        if self.vocabulary is not None:
            whole("vocabulary", self.vocabulary)
        if tokens.device.type != "meta":
            low, high = int(tokens.min()), int(tokens.max())
            if low < 0 or (self.vocabulary is not None and high >= self.vocabulary):
                most = "" if self.vocabulary is None else f" to {self.vocabulary - 1}"
                raise InputError(f"tokens must be from 0{most}, but tokens from {low} to {high} were given; padding needs a token too.")
        labels = self.labels
        if isinstance(labels, Tensor) and labels.dim() == 2 and len(labels) == len(tokens) and labels.shape != tokens.shape:
            raise InputError(f"labels must be [N] or, as tokens, {list(tokens.shape)}, but {list(labels.shape)} was given.")
        self._settle(len(tokens), "sequences", sequences=True)

    def __len__(self):
        return len(self.tokens)

    @property
    def device(self) -> torch.device:
        """Where the tokens lie."""
        return self.tokens.device

    def _look_up(self, view: Tensor, index: Tensor) -> Tensor:
        return self.tokens.index_select(0, index.flatten().to(self.device)).unflatten(0, index.shape)


def next_tokens(sequences: Tensor, padding: int | None = None, ignore_index: int = IGNORED) -> tuple[Tensor, Tensor]:
    """Inputs and targets [N, T - 1] of sequences [N, T]: at every place the target is the token that comes next.

    padding: the token that fills short sequences; where it would be the target, the target is ``ignore_index``.
    Raises InputError for sequences of another type or shape, shorter than 2, or of padding only.
    """
    sequences = _whole_numbers("sequences", sequences)
    if sequences.shape[1] < 2:
        raise InputError(f"sequences must be at least 2 tokens long, but {list(sequences.shape)} was given.")
    inputs, targets = sequences[:, :-1].clone(), sequences[:, 1:].clone()
    if padding is not None:
        finite_number("padding", padding)
        targets[targets == padding] = ignore_index
        if (targets == ignore_index).all():
            raise InputError(f"sequences must hold more than padding={padding}, but they do not.")
    return inputs, targets


def _whole_numbers(name: str, tokens) -> Tensor:
    if not isinstance(tokens, Tensor) or tokens.dtype not in (torch.int64, torch.int32, torch.int16, torch.uint8):
        given = tokens.dtype if isinstance(tokens, Tensor) else type(tokens).__name__
        raise InputError(f"{name} must be a tensor of whole numbers [N, T], but {given} was given.")
    if tokens.dim() != 2:
        raise InputError(f"{name} must be whole numbers [N, T], but {list(tokens.shape)} was given.")
    not_empty(name, tokens.numel())
    return tokens.long()
