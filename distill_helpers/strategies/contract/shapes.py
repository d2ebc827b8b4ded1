"""What strategies ask of inputs, outputs and labels, with errors that say so before anything is computed."""

from torch import Tensor

from distill_helpers.checks import InputError


def labels_fit(logits: Tensor, labels: Tensor) -> None:
    """Raise unless there is one label for each row of logits: [B] for [B, C], [B, T] for [B, T, C], [B, H, W] for [B, H, W, C]."""
    if logits.shape[:-1] != labels.shape:
        given = f"{tuple(labels.shape)} for outputs {tuple(logits.shape)}"
        raise InputError(f"labels must have the outputs' shape without their last dimension, the classes, but {given} was given.")


def same_outputs(teacher: Tensor, student: Tensor) -> None:
    """Raise unless both sides answer in one shape."""
    if teacher.shape != student.shape:
        raise InputError(f"teacher must answer in the student's shape, {tuple(student.shape)}, but it gives {tuple(teacher.shape)}.")


def one_answer_each(logits: Tensor, strategy: str) -> None:
    """Raise unless outputs are [B, C], one answer for each example."""
    if logits.dim() != 2:
        raise InputError(f"{strategy} needs one answer for each example, outputs [B, C], but they are {tuple(logits.shape)}.")


def real_inputs(x: Tensor, strategy: str) -> None:
    """Raise for whole numbers as inputs, such as tokens, which cannot be moved a little or blended."""
    if not x.is_floating_point():
        raise InputError(f"{strategy} needs inputs of real numbers, which can be changed a little, but they are {x.dtype}.")
