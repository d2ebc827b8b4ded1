"""How an exercise is graded: by comparing answers with a reference, and with the mistakes that people really make."""

import copy
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch

from distill_helpers.checks import one_of

KINDS = ("computes", "judges", "extends")
_seeds = itertools.count()


@dataclass(frozen=True)
class Mistake:
    """A wrong answer, and what to say to somebody who gives it."""

    wrong: Callable
    message: str


@dataclass(frozen=True)
class Exercise:
    """id: "07.1". title: what is asked. reference: a right answer. mistakes: in the order in which they are tried.

    cases: argument tuples, or a function of a torch.Generator that draws them; then each call of ``grade`` draws others. kind: "computes",
    "judges" or "extends". Raises InputError for another kind.
    """

    id: str
    title: str
    reference: Callable
    cases: tuple | Callable[[torch.Generator], tuple]
    mistakes: tuple[Mistake, ...] = ()
    tolerance: float = 1e-4
    kind: str = "computes"

    def __post_init__(self):
        one_of("kind", self.kind, KINDS)

    def drawn(self, seed: int) -> tuple:
        """The cases of one call."""
        return tuple(self.cases(torch.Generator().manual_seed(seed))) if callable(self.cases) else self.cases


def grade(exercise, answer, seed: int | None = None) -> str:
    """One line: passed, or the likely mistake, or the first case that came out wrong. Never raises for a wrong answer.

    seed: of the cases that are drawn; by default another one in each call. Every call of every answer gets arguments of its own, and what it
    returns is copied at once, so an answer may change in place what it was given, and none can spoil the exercise for the next.
    """
    seed = next(_seeds) if seed is None else seed
    if not isinstance(exercise, Exercise):
        return exercise.grade(answer, seed)
    given, cases = [], exercise.drawn(seed)
    for case in cases:
        try:
            given.append(_call(answer, case))
        except NotImplementedError as error:
            return f"{exercise.id}: not solved yet. {str(error) or 'Replace `raise NotImplementedError` with your answer.'}"
        except Exception as error:  # whatever the reader's code raises is theirs to see
            return f"{exercise.id}: your function raised {type(error).__name__}: {error}"
    right = [_call(exercise.reference, case) for case in cases]
    agree = [_same(g, r, exercise.tolerance) for g, r in zip(given, right, strict=True)]
    if all(agree):
        return f"{exercise.id} passed. {exercise.title}"
    for mistake in exercise.mistakes:
        if all(_same(g, _call(mistake.wrong, case), exercise.tolerance) for g, case in zip(given, cases, strict=True)):
            return f"{exercise.id}: not yet. {mistake.message}"
    number = agree.index(False)
    mine, wanted = _tensor(given[number]), right[number]
    if mine is not None and isinstance(wanted, torch.Tensor) and mine.shape != wanted.shape:
        return f"{exercise.id}: not yet. Your answer has the shape {list(mine.shape)}, expected is {list(wanted.shape)}."
    return f"{exercise.id}: not yet. For {_short(cases[number])} your answer is {_short(given[number])}, expected {_short(right[number])}."


def same(a, b, tolerance: float) -> bool:
    """Whether answer a is what was expected, b, up to a relative and absolute tolerance; whole numbers and shapes exactly.

    The type of a number does not count: Python's, numpy's, a tensor of one element, 8.0 for 8; nor does a list for a tuple or a
    tensor. True and False are no numbers.
    """
    if isinstance(b, torch.Tensor):
        other = _tensor(a)
        if other is None or (other.dtype == torch.bool) != (b.dtype == torch.bool):
            return False
        if other.shape != b.shape and not other.numel() == b.numel() == 1:
            return False
        x, y = (t.detach().cpu().double().flatten() for t in (other, b))
        return torch.allclose(x, y, rtol=tolerance, atol=tolerance)
    if isinstance(b, (list, tuple)):
        if isinstance(a, (torch.Tensor, np.ndarray)):
            a = a.tolist()
        return isinstance(a, (list, tuple)) and len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(b, Real) and not isinstance(b, bool):
        number = _number(a)
        if number is None:
            return False
        return number == b if isinstance(b, Integral) else math.isclose(number, b, rel_tol=tolerance, abs_tol=tolerance)
    if isinstance(a, np.generic):
        a = a.item()
    return type(a) is type(b) and a == b


def _same(a, b, tolerance) -> bool:
    try:
        return bool(same(a, b, tolerance))
    except Exception:  # an answer that cannot even be compared is a wrong one
        return False


def _call(answer, case):
    return _own(answer(*_own(case)))


def _own(value):
    """A copy that shares nothing with the original. A tensor that asks for gradients is one that was computed, so it may change in place."""
    if isinstance(value, torch.Tensor):
        fresh = value.detach().clone()
        return fresh.requires_grad_().clone() if value.requires_grad else fresh
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_own, value))
    if isinstance(value, (list, tuple, set)):
        return type(value)(map(_own, value))
    if isinstance(value, dict):
        return {key: _own(one) for key, one in value.items()}
    try:
        return copy.deepcopy(value)
    except Exception:  # what cannot be copied, such as an open file, is no argument and no right answer of any exercise
        return value


def _tensor(value):
    """The value as a tensor, None where it is none."""
    if isinstance(value, torch.Tensor):
        return value
    if isinstance(value, (list, tuple)) and any(isinstance(v, torch.Tensor) for v in value):
        parts = [_tensor(v) for v in value]
        shapes = {None if p is None else p.shape for p in parts}
        return torch.stack([p.detach() for p in parts]) if len(shapes) == 1 and None not in shapes else None
    try:
        return torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError, RuntimeError):
        return None


def _number(value):
    """The value as a Python number, None where it is none or more than one."""
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        if value.numel() != 1 if isinstance(value, torch.Tensor) else value.size != 1:
            return None
        value = value.item()
    return value if isinstance(value, Real) and not isinstance(value, bool) else None


def _short(value) -> str:
    if isinstance(value, torch.Tensor):
        if value.layout != torch.strided or value.is_complex():
            return repr(value)
        numbers = [f"{v:.4g}" for v in value.flatten()[:6].tolist()]
        return f"[{', '.join(numbers)}{', ...' if value.numel() > 6 else ''}]"
    if isinstance(value, tuple):
        return "(" + ", ".join(_short(v) for v in value) + ")"
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
