"""Penalties on the student's weights, added to the loss of another strategy."""

from dataclasses import dataclass

from distill_helpers.checks import InputError, at_least
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.wrapper import Wrapper


@dataclass(frozen=True)
class Penalised(Wrapper):
    """loss + l1 · Σ|w| + l2/2 · Σw², summed over the weight matrices; biases and norms go free.

    L1: Tibshirani 1996. L2: Krogh & Hertz 1991, eq. 2. Inside the loss the penalty's gradient passes through the optimiser,
    so Adam divides it by the size of the gradient; decoupled decay (Loshchilov & Hutter 2019, algorithm 2) is
    ``Recipe(weight_decay=...)`` and shrinks every weight alike. Raises InputError for a negative factor.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self):
        if not isinstance(self.inner, Strategy):
            raise InputError(f"inner must be a strategy, but {self.inner!r} was given.")
        at_least("l1", self.l1, 0)
        at_least("l2", self.l2, 0)

    def loss(self, student, teacher, batch):
        terms = self.inner.loss(student, teacher, batch)
        weights = [w for w in student.parameters().values() if w.dim() > 1]
        terms["l1"] = self.l1 * sum(w.abs().sum() for w in weights)
        terms["l2"] = self.l2 / 2 * sum(w.square().sum() for w in weights)
        return terms
