"""How an exercise is graded: by comparing answers with a reference, and with the mistakes that people really make."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class Mistake:
    """A wrong answer, and what to say to somebody who gives it."""

    wrong: Callable
    message: str


@dataclass(frozen=True)
class Exercise:
    """id: "07.1". title: what is asked. reference: a right answer. cases: argument tuples. mistakes: in the order in which they are tried."""

    id: str
    title: str
    reference: Callable
    cases: tuple
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = 1e-4
    notes: dict = field(default_factory=dict)


def grade(exercise: Exercise, answer: Callable) -> str:
    """One line: passed, or the likely mistake, or the first case that came out wrong. Never raises for a wrong answer."""
    given = []
    for case in exercise.cases:
        try:
            given.append(answer(*case))
        except NotImplementedError:
            return f"{exercise.id}: not solved yet. Replace `raise NotImplementedError` with your answer."
        except Exception as error:  # whatever the reader's code raises is theirs to see
            return f"{exercise.id}: your function raised {type(error).__name__}: {error}"
    right = [exercise.reference(*case) for case in exercise.cases]
    if all(same(g, r, exercise.tolerance) for g, r in zip(given, right, strict=True)):
        return f"{exercise.id} passed. {exercise.title}"
    for mistake in exercise.mistakes:
        if all(same(g, mistake.wrong(*case), exercise.tolerance) for g, case in zip(given, exercise.cases, strict=True)):
            return f"{exercise.id}: not yet. {mistake.message}"
    number = next(i for i, (g, r) in enumerate(zip(given, right, strict=True)) if not same(g, r, exercise.tolerance))
    return f"{exercise.id}: not yet. For {_short(exercise.cases[number])} your answer is {_short(given[number])}, expected {_short(right[number])}."


def same(a, b, tolerance: float) -> bool:
    """Equal up to a relative and absolute tolerance; exact for whole numbers."""
    if isinstance(a, torch.Tensor) or isinstance(b, torch.Tensor):
        try:
            a, b = torch.as_tensor(a), torch.as_tensor(b)
        except (TypeError, ValueError, RuntimeError):
            return False
        return a.shape == b.shape and torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)
    if isinstance(b, float):
        return isinstance(a, (int, float)) and math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    return type(a) is type(b) and a == b


def _short(value) -> str:
    if isinstance(value, torch.Tensor):
        numbers = [f"{v:.4g}" for v in value.flatten()[:6].tolist()]
        return f"[{', '.join(numbers)}{', ...' if value.numel() > 6 else ''}]"
    if isinstance(value, tuple):
        return "(" + ", ".join(_short(v) for v in value) + ")"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
