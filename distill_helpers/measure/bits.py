"""How well a language model predicts text, in a unit that does not depend on its vocabulary."""

import math

import torch
from torch import Tensor

from distill_helpers.checks import InputError, whole


@torch.no_grad()
def bits_per_character(logits: Tensor, labels: Tensor, characters: int | None = None, ignore_index: int = -100) -> float:
    """-Σ log2 p of the labels, over the number of characters that they stand for.

    logits: [..., V] and labels int64 [...]; those equal to ``ignore_index`` are left out. characters: how many characters the other labels
    stand for; None where each is one. Raises InputError for shapes that do not fit and for no labels.
    """
    if logits.shape[:-1] != labels.shape:
        given = f"{list(labels.shape)} for {list(logits.shape)}"
        raise InputError(f"labels must have the logits' shape without the last dimension, but {given} was given.")
    says = labels != ignore_index
    count = int(says.sum())
    if not count:
        raise InputError("labels must hold at least one that says something, but they do not.")
    if characters is not None:
        whole("characters", characters)
    logs = logits.double().log_softmax(-1).gather(-1, labels.where(says, 0).unsqueeze(-1)).squeeze(-1)
    return -logs[says].sum().item() / math.log(2) / (characters or count)
