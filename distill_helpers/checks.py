"""Errors for bad input. Each names the argument, what was given, and what is allowed."""

import math
from importlib import import_module
from numbers import Integral, Real

import torch


class InputError(ValueError):
    """An argument cannot be used as given."""


def needed(module: str, extra: str = "course"):
    """The module, imported; it belongs to an extra of this package. Raises InputError, which says how to install it, when it is not there."""
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise InputError(f"this needs the package {package}: pip install 'distill-helpers[{extra}]'.") from error


def finite_number(name: str, value) -> None:
    """Raise unless value is a number, and neither NaN nor infinite."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise InputError(f"{name} must be a number, but {value!r} was given.")
    if not math.isfinite(value):
        raise InputError(f"{name} must be finite, but {value!r} was given.")


def positive(name: str, value) -> None:
    """Raise unless value > 0 and finite."""
    finite_number(name, value)
    if not value > 0:
        raise InputError(f"{name} must be greater than 0, but {value!r} was given.")


def at_least(name: str, value, low) -> None:
    """Raise unless value >= low and finite."""
    finite_number(name, value)
    if value < low:
        raise InputError(f"{name} must be at least {low}, but {value!r} was given.")


def fraction(name: str, value) -> None:
    """Raise unless 0 <= value <= 1."""
    finite_number(name, value)
    if not 0 <= value <= 1:
        raise InputError(f"{name} must be from 0 to 1, but {value!r} was given.")


def whole(name: str, value, low: int = 1) -> None:
    """Raise unless value is a whole number of at least low."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{name} must be a whole number, but {value!r} was given.")
    at_least(name, value, low)


def sizes(**values) -> None:
    """Raise unless every named value is a whole number of at least 1."""
    for name, value in values.items():
        whole(name, value)


def one_of(name: str, value, allowed) -> None:
    """Raise unless value is one of allowed; True is not 1, nor False 0."""
    if not any(value == a and isinstance(value, bool) == isinstance(a, bool) for a in allowed):
        raise InputError(f"{name} must be one of {', '.join(map(repr, allowed))}, but {value!r} was given.")


def finite(name: str, tensor: torch.Tensor) -> None:
    """Raise when a floating-point tensor holds NaN or infinity."""
    if tensor.is_floating_point() and not tensor.isfinite().all():
        bad = int((~tensor.isfinite()).sum())
        raise InputError(f"{name} must be finite, but {bad} of its {tensor.numel()} values are NaN or infinite.")


def not_empty(name: str, count: int) -> None:
    """Raise when there are no examples."""
    if count < 1:
        raise InputError(f"{name} must hold at least one example, but it is empty.")


def labels_in_range(name: str, labels: torch.Tensor, classes: int) -> None:
    """Raise unless every label is from 0 to classes - 1."""
    if labels.numel() and (labels.min() < 0 or labels.max() >= classes):
        low, high = int(labels.min()), int(labels.max())
        raise InputError(f"{name} must be from 0 to {classes - 1}, but labels from {low} to {high} were given.")
