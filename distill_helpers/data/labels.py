"""The one place where labels, class weights and row numbers are checked and brought into one form."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_flatten, tree_leaves, tree_map, tree_unflatten

from distill_helpers.checks import InputError, not_empty, whole

INDEX_TYPES = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


def settled_labels(labels: Any, count: int, classes: int | None, ignore_index: int | None = None, *,
                   noun: str = "examples", sequences: bool = False, part: bool = False) -> Any:  # fmt: skip
    """A copy of ``labels``, a tree of tensors with ``count`` rows each, checked and in one form; None stays None.

    A single tensor of whole numbers or truth values, with ``classes`` given, is class indices and becomes int64: [N], dense
    [N, H, W] or sequences [N, T], each from 0 to classes - 1 or equal to ``ignore_index``. Refused: [N, 1, ...] (is the 1 a
    place or a mistake?), unless ``sequences``; one-hot rows [N, C], whole or floating-point; indices out of range; labels that
    are all ignored. Anything else is targets of another kind and stays as it is: floating-point tensors, trees, and every
    tensor when ``classes`` is None. NaN and infinity are refused everywhere. Raises InputError.
    """
    if ignore_index is not None and (isinstance(ignore_index, bool) or not isinstance(ignore_index, int)):
        raise InputError(f"ignore_index must be a whole number or None, but {ignore_index!r} was given.")
    if labels is None:
        return None
    for rows in tree_leaves(labels):
        _check_rows(rows, count, noun)
    # a container or a tensor that the caller goes on to change must not change the pool
    labels = tree_map(lambda rows: rows.detach().clone(), labels)
    if not isinstance(labels, Tensor) or classes is None:
        return labels
    if not sequences:
        _refuse_one_hot(labels, classes)
    if labels.dtype not in INDEX_TYPES:
        return labels
    if labels.dim() > 1 and labels.shape[1] == 1 and not sequences:
        raise InputError(f"labels must be class indices [N] or dense [N, ...], but {list(labels.shape)} was given; use labels.squeeze(1).")
    labels = labels.long()
    _check_range(labels, classes, ignore_index, part)
    return labels


def settled_weights(weights, classes: int | None) -> Tensor | None:
    """class_weights as float32 [classes], or None. Raises InputError unless finite, at least 0, not all 0, and one for each class."""
    if weights is None:
        return None
    if classes is None:
        raise InputError("class_weights need classes, but classes=None was given.")
    try:
        weights = torch.as_tensor(weights).detach().clone().float()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"class_weights must be {classes} numbers, one for each class, but {weights!r} was given.") from error
    if weights.shape != (classes,):
        raise InputError(f"class_weights must be {classes} numbers, one for each class, but shape {list(weights.shape)} was given.")
    if weights.device.type != "meta" and not (weights.isfinite().all() and (weights >= 0).all() and (weights > 0).any()):
        raise InputError(f"class_weights must be finite, at least 0 and not all 0, but {weights.tolist()} was given.")
    return weights


def settled_classes(classes) -> None:
    """Raise unless classes is None or a whole number of at least 1."""
    if classes is not None:
        whole("classes", classes)


def row_numbers(indices, count: int, device="cpu") -> Tensor:
    """``indices`` (int64 [M] or a list) as int64 on ``device``. Raises InputError unless one or more, each from 0 to count - 1."""
    try:
        indices = torch.as_tensor(indices, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"indices must be whole numbers [M], but {indices!r} was given.") from error
    if indices.dim() == 1:
        not_empty("indices", len(indices))
    if indices.dim() != 1 or indices.dtype == torch.bool or indices.is_floating_point():
        raise InputError(f"indices must be whole numbers [M], but {indices.dtype} {list(indices.shape)} was given.")
    indices = indices.long()
    if indices.min() < 0 or indices.max() >= count:
        low, high = int(indices.min()), int(indices.max())
        raise InputError(f"indices must be from 0 to {count - 1}, but {low} to {high} were given.")
    return indices


def rows_of(labels: Any, indices: Tensor) -> Any:
    """The chosen rows of every tensor of the tree; None stays None."""
    return None if labels is None else tree_map(lambda rows: rows[indices], labels)


def stacked_rows(rows: list, names) -> Any:
    """A list of trees, one an example, as one tree of tensors [N, ...]. names: what errors call each example.

    Whole numbers and truth values become int64, other numbers float32; arrays and tensors keep their type, but float64 becomes float32.
    Raises InputError where an example's tree or shape is not the first one's, or holds something that is no number.
    """
    leaves, spec = tree_flatten(rows[0])
    columns = [[] for _ in leaves]
    for row, name in zip(rows, names, strict=True):
        found, its_spec = tree_flatten(row)
        if its_spec != spec:
            raise InputError(f"labels must have the same parts in every example, but those of {name} differ from those of {names[0]}.")
        for column, leaf in zip(columns, found, strict=True):
            leaf = _as_row(leaf, name)
            if column and (leaf.shape != column[0].shape or leaf.dtype != column[0].dtype):
                raise InputError(
                    f"labels must have one shape and type, but {name} has {leaf.dtype} {list(leaf.shape)} where {names[0]} has "
                    f"{column[0].dtype} {list(column[0].shape)}; pad them, or give one number for each example."
                )
            column.append(leaf)
    return tree_unflatten([torch.stack(column) for column in columns], spec)


def _as_row(leaf, name: str) -> Tensor:
    if isinstance(leaf, Tensor):
        leaf = leaf.detach().cpu()
        return leaf.float() if leaf.dtype == torch.float64 else leaf
    if isinstance(leaf, (bool, int, np.integer, np.bool_)):
        return torch.tensor(int(leaf))
    if isinstance(leaf, (float, np.floating)):
        return torch.tensor(float(leaf))
    if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "biuf":
        return _as_row(torch.from_numpy(np.array(leaf)), name)
    raise InputError(f"labels must be numbers, arrays or tensors, but {name} has {leaf!r}.")


def _check_rows(rows, count: int, noun: str) -> None:
    if not isinstance(rows, Tensor):
        raise InputError(f"labels must be a tree of tensors, but it holds {rows!r}.")
    if rows.dim() == 0 or len(rows) != count:
        raise InputError(f"labels must have one row for each of {count} {noun}, but {list(rows.shape)} was given.")
    if rows.is_floating_point() and rows.device.type != "meta" and not rows.isfinite().all():
        bad = int((~rows.isfinite()).sum())
        raise InputError(f"labels must be finite, but {bad} of their {rows.numel()} values are NaN or infinite.")


def _refuse_one_hot(labels: Tensor, classes: int) -> None:
    if labels.dim() != 2 or labels.shape[1] != classes or classes < 2 or labels.device.type == "meta":
        return
    if ((labels == 0) | (labels == 1)).all() and (labels.sum(1) == 1).all():
        raise InputError(
            f"labels must be class indices [N], but {labels.dtype} {list(labels.shape)} with one 1 in each row was given; "
            f"use labels.argmax(1), or classes=None if the values themselves are the targets."
        )


def _check_range(labels: Tensor, classes: int, ignore_index: int | None, part: bool) -> None:
    if labels.device.type == "meta" or not labels.numel():
        return
    if ignore_index is not None:
        labels = labels[labels != ignore_index]
        if not labels.numel():
            if part:
                return
            raise InputError(f"labels must hold at least one class, but all of them are ignore_index={ignore_index}.")
    low, high = int(labels.min()), int(labels.max())
    if low >= 0 and high < classes:
        return
    wrong = low if low < 0 else high
    advice = f" Declare ignore_index={wrong} if it marks what has no label."
    raise InputError(f"labels must be from 0 to {classes - 1}, but labels from {low} to {high} were given.{advice}")
