"""Ways to combine strategies: one after the other, or side by side in one stack."""

from dataclasses import dataclass, fields, is_dataclass

from distill_helpers.checks import InputError, whole
from distill_helpers.strategies.contract import Strategy


@dataclass(frozen=True)
class Stages:
    """(strategy, steps) pairs run one after the other on the same students: hints, then soft targets; distil, then fine-tune."""

    stages: tuple

    def __init__(self, *stages):
        if not stages:
            raise InputError("stages needs at least one (strategy, steps) pair, but none was given.")
        for stage in stages:
            if not (isinstance(stage, tuple) and len(stage) == 2 and isinstance(stage[0], Strategy)):
                raise InputError(f"each stage must be a pair (strategy, steps), but {stage!r} was given.")
            whole("steps", stage[1])
        object.__setattr__(self, "stages", tuple(stages))


class Grid:
    """Strategies of one kind that differ only in numbers, one student each per seed, all in one stack."""

    def __init__(self, strategies):
        strategies = list(strategies)
        if not strategies:
            raise InputError("a grid needs at least one strategy, but none was given.")
        first = strategies[0]
        for other in strategies:
            if type(other) is not type(first) or not is_dataclass(other):
                raise InputError(f"all strategies of a grid must be of one kind, but {other!r} stands beside {first!r}.")
        self.strategies = strategies
        self.varying = {
            f.name: [getattr(s, f.name) for s in strategies]
            for f in fields(first)
            if any(getattr(s, f.name) != getattr(first, f.name) for s in strategies)
        }
        for name, values in self.varying.items():
            if not all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
                raise InputError(f"a grid varies numbers only, but {name} takes {values}.")


def with_numbers(strategy: Strategy, numbers: dict) -> Strategy:
    """A copy whose fields are replaced without the checks of ``__post_init__``, so that they may be mapped tensors."""
    if not numbers:
        return strategy
    copy = object.__new__(type(strategy))
    for field in fields(strategy):
        object.__setattr__(copy, field.name, numbers.get(field.name, getattr(strategy, field.name)))
    return copy
