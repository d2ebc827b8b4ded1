"""Means over labels as the task of the data asks: class weights, and an ignore index for labels that say nothing.

Every term that a strategy makes from labels is such a mean; terms without labels, such as distances to a teacher's answers, are
plain means over all rows.
"""

import torch
from torch import Tensor

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import Task


def plain(task: Task | None) -> bool:
    """Whether all labels count alike."""
    return task is None or (task.class_weights is None and task.ignore_index is None)


def says(labels: Tensor, task: Task | None) -> Tensor:
    """True where a label says something, in the shape of labels."""
    ignored = None if task is None else task.ignore_index
    return torch.ones_like(labels, dtype=torch.bool) if ignored is None else labels != ignored


def known(labels: Tensor, task: Task | None) -> Tensor:
    """The labels with class 0 in place of those that say nothing, so that they can be looked up."""
    return labels if plain(task) else labels.where(says(labels, task), 0)


def label_weights(labels: Tensor, task: Task | None, like: Tensor) -> Tensor:
    """The weight of each label's class, 0 for a label that says nothing; in the shape of labels and the type of ``like``, [..., C].

    Raises InputError unless there is one class weight for each of the C classes.
    """
    weights = says(labels, task).to(like.dtype)
    if task is None or task.class_weights is None:
        return weights
    if task.class_weights.shape != like.shape[-1:]:
        given = f"{tuple(task.class_weights.shape)} was given"
        raise InputError(f"class_weights must be one number for each of {like.shape[-1]} classes, but {given}.")
    return weights * task.class_weights.to(like.dtype)[known(labels, task)]


def label_mean(each: Tensor, labels: Tensor, task: Task | None, like: Tensor) -> Tensor:
    """Mean of ``each``, one number for each label, weighted by ``label_weights``; 0 where no label says anything."""
    if plain(task):
        return each.mean()
    weights = label_weights(labels, task, like)
    return over((weights * each).sum(), weights)


def over(total: Tensor, weights: Tensor) -> Tensor:
    """total / Σ weights, or 0 where no weight is above 0."""
    whole = weights.sum()
    return total / torch.where(whole > 0, whole, 1) * (whole > 0)
