"""The one contract: a strategy is the loss of one student, written as in its paper.

The trainer turns that loss into many students trained at once. A strategy therefore never loops over students, never
moves tensors between devices, and never reads a value back with ``.item()``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn

from distill_helpers.checks import InputError


class Task(NamedTuple):
    """What the data say about their labels. class_weights: float [C], or None for equal ones. ignore_index: the label that says nothing."""

    class_weights: Tensor | None = None
    ignore_index: int | None = None


class Batch(NamedTuple):
    """What one student sees in one step.

    x: inputs, [B, ...]. y: targets as any tree of tensors with B rows, or None without labels.
    index, view: int64 [B], which example and which augmented view. noise: what ``Strategy.draw`` asked for.
    progress: scalar from 0 (first step of this stage) up to, not including, 1; for what changes while training goes on.
    task: class weights and ignore index of the data, for ``cross_entropy(logits, y, batch.task)``.
    """

    x: Tensor
    y: Any
    index: Tensor
    view: Tensor
    noise: dict[str, Tensor]
    progress: Any = 0.0
    task: Task = Task()


class Strategy:
    """Base of all strategies; subclasses are frozen dataclasses that define ``loss``.

    Class attributes declare what a strategy uses, so that the trainer can check it before the first step:
    ``signals`` (any of "labels", "outputs", "features", "gradients"), ``needs_labels``, ``needs_teacher``,
    ``teacher_features`` (names to cache), ``opponents`` (names of extras that minimise ``opponent_loss``),
    ``opponent_steps`` (their updates before each update of the student), ``opponent_every`` (they are updated in every n-th step only),
    ``honours_task`` (its label terms follow the data's class weights and ignore index; data that have them are refused otherwise).
    """

    signals: tuple[str, ...] = ()
    needs_labels: bool = False
    needs_teacher: bool = True
    teacher_features: tuple[str, ...] = ()
    opponents: tuple[str, ...] = ()
    opponent_steps: int = 1
    opponent_every: int = 1
    honours_task: bool = False

    def loss(self, student: Callable, teacher: Callable, batch: Batch) -> dict[str, Tensor]:
        """Named scalar terms of ONE student's loss; the trainer sums, differentiates and records them."""
        raise NotImplementedError

    def opponent_loss(self, student: Callable, teacher: Callable, batch: Batch) -> dict[str, Tensor]:
        """Named scalar terms that the opponents minimise, with the student held still."""
        raise NotImplementedError

    def extras(self, student_outputs, teacher_outputs) -> dict[str, nn.Module]:
        """Further networks, built from example outputs of one batch. The trainer owns, counts and trains them."""
        return {}

    def draw(self, x: Tensor, generator) -> dict[str, Tensor]:
        """Random tensors for one step of one seed, drawn from ``generator`` on the device of ``x`` ([B, ...])."""
        return {}

    def prepare_teacher(self, teacher):
        """The teacher that this strategy learns from; controls swap it here."""
        return teacher

    @property
    def name(self) -> str:
        """What tables and messages call this strategy."""
        fields = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v}" for k, v in vars(self).items())
        return f"{type(self).__name__}({fields})"


def require_class_targets(y, strategy: str) -> Tensor:
    """Class indices [B], or a clear error when the data carry something else."""
    if not isinstance(y, Tensor) or y.is_floating_point():
        raise InputError(f"{strategy} needs class indices as targets, but the data carry {describe(y)}.")
    return y


def describe(y) -> str:
    """A few words on what a tree of targets is."""
    if y is None:
        return "no labels"
    return f"{y.dtype} targets" if isinstance(y, Tensor) else f"targets of type {type(y).__name__}"
