"""What remains of a gain when the teacher's knowledge is taken away: the base of the controls.

Each wraps a strategy and swaps the teacher, nothing else: a teacher that the strategy prepares is shuffled after that, and an
untrained one is prepared as the trained one is. What a control also gains is not the teacher's knowledge.
"""

from dataclasses import dataclass

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.wrapper import Wrapper


@dataclass(frozen=True)
class Control(Wrapper):
    """Base of the controls: passes everything to the wrapped strategy."""

    def __post_init__(self):
        if not isinstance(self.inner, Strategy) or not self.inner.needs_teacher:
            raise InputError(f"inner must be a strategy that uses a teacher, but {self.inner!r} was given.")

    @property
    def name(self):
        return f"{type(self).__name__}({self.inner.name})"
