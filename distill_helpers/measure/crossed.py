"""Intervals where all replicates read the same test examples: both the replicates and the examples are drawn from more than these.

Two-way random effects without repetition (Searle, Casella & McCulloch 1992, "Variance Components", chapter 4); degrees of freedom by
Satterthwaite, "An Approximate Distribution of Estimates of Variance Components", Biometrics Bulletin 2, 1946.
"""

from typing import NamedTuple

import numpy as np

from distill_helpers.checks import InputError, needed
from distill_helpers.measure.statistics import Difference, _check, correlation


class Squares(NamedTuple):
    """Mean squares of a two-way table [..., replicates, examples], and its size: r replicates, j examples."""

    replicates: np.ndarray
    examples: np.ndarray
    rest: np.ndarray
    r: int
    j: int


def mean_squares(table: np.ndarray) -> Squares:
    """The mean squares of tables [..., R, J] by replicates (R - 1 degrees of freedom), by examples (J - 1), and of the rest."""
    r, j = table.shape[-2:]
    rows, columns = table.mean(-1, dtype=float), table.mean(-2, dtype=float)
    middle = rows.mean(-1)
    by_row = j * ((rows - middle[..., None]) ** 2).sum(-1)
    by_column = r * ((columns - middle[..., None]) ** 2).sum(-1)
    # what is left of all squares; rounding must not make it negative
    rest = np.maximum(np.square(table, dtype=float).sum((-2, -1)) - r * j * middle**2 - by_row - by_column, 0)
    return Squares(by_row / (r - 1), by_column / (j - 1), rest / ((r - 1) * (j - 1)), r, j)


def paired_variance(s: Squares) -> tuple[np.ndarray, np.ndarray]:
    """Variance of the table's mean, and its degrees of freedom, R - 1 at least."""
    size = s.r * s.j
    total = np.maximum(s.replicates + s.examples - s.rest, s.rest)
    below = s.replicates**2 / (s.r - 1) + s.examples**2 / (s.j - 1) + s.rest**2 / ((s.r - 1) * (s.j - 1))
    return total / size, _satterthwaite(total, below, s.r - 1)


def unshared_variance(a: Squares, b: Squares, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As ``paired_variance`` for two tables that share their examples only; columns [..., J]: differences of their means by example."""
    spread = columns.var(-1, ddof=1)
    parts = [(a.replicates / (a.r * a.j), a.r - 1), (b.replicates / (b.r * b.j), b.r - 1), (spread / a.j, a.j - 1),
             (a.rest / (a.r * a.j), (a.r - 1) * (a.j - 1)), (b.rest / (b.r * b.j), (b.r - 1) * (b.j - 1))]  # fmt: skip
    rest = parts[3][0] + parts[4][0]
    total = np.maximum(parts[0][0] + parts[1][0] + parts[2][0] - rest, rest)
    return total, _satterthwaite(total, sum(value**2 / df for value, df in parts), min(a.r, b.r) - 1)


def two_way(a, b=None, confidence: float = 0.95, name: str = "", shared: bool = True, diverged: int = 0) -> Difference:
    """The difference of two arms that read the same test examples in every replicate, with replicates and examples both counted as drawn.

    a, b: outcomes [replicates, examples], right or wrong, or any number an example; without b, the mean of a. shared: the arms share draws,
    order and architecture in each replicate, and are paired; False where they share the test examples only (other architectures). The variance
    of the mean is (MS_replicates + MS_examples - MS_rest) / RJ, at least MS_rest / RJ. Raises InputError for tables of other shapes, of fewer
    than two replicates or examples, or with values that are not finite.
    """
    a = _table("a", a)
    b = np.zeros_like(a) if b is None else _table("b", b)
    _check(confidence)
    if a.shape[1] != b.shape[1] or (shared and len(a) != len(b)):
        raise InputError(f"a and b must hold the same {'replicates and ' if shared else ''}examples, but their shapes are {a.shape} and {b.shape}.")
    quantile = lambda df: needed("scipy.special").stdtrit(df, 0.5 + confidence / 2)
    if shared:
        values = a.mean(1) - b.mean(1)
        s = mean_squares(a - b)
        variance, df = paired_variance(s)
        size = s.r * s.j
        parts = {"replicates": (s.replicates - s.rest) / size, "examples": (s.examples - s.rest) / size, "rest": s.rest / size}
        alone = {"replicates": (s.examples / size, s.j - 1), "examples": (s.replicates / size, s.r - 1)}
        method = "two-way"
    else:
        values = a.mean(1) - b.mean() if len(a) <= len(b) else a.mean() - b.mean(1)
        s, t = mean_squares(a), mean_squares(b)
        columns = a.mean(0) - b.mean(0)
        variance, df = unshared_variance(s, t, columns)
        rest, by_column = s.rest / (s.r * s.j) + t.rest / (t.r * t.j), columns.var(ddof=1) / s.j
        by_row = s.replicates / (s.r * s.j) + t.replicates / (t.r * t.j)
        parts = {"replicates": by_row - rest, "examples": by_column - rest, "rest": rest}
        alone = {"replicates": (by_column, s.j - 1), "examples": (by_row, min(s.r, t.r) - 1)}
        method = "two-way, unpaired"
    mean, half = float(a.mean() - b.mean()), float(quantile(df) * np.sqrt(variance))
    parts = {source: max(float(value), 0.0) for source, value in parts.items()}
    total = sum(parts.values())
    reach = {source: (float(quantile(free) * np.sqrt(value)), free) for source, (value, free) in alone.items()}
    both = correlation(a.mean(1), b.mean(1)) if len(a) == len(b) else None
    return Difference(mean, mean - half, mean + half, len(values), confidence, method, float(a.mean()), float(b.mean()), values, name, float(df),
                      both, {k: v / total if total else 0.0 for k, v in parts.items()}, diverged, reach)  # fmt: skip


def _satterthwaite(total, below, least):
    return np.maximum(np.where(below > 0, total**2 / np.where(below > 0, below, 1), least), least)


def _table(name: str, outcomes) -> np.ndarray:
    outcomes = outcomes.detach().cpu().numpy() if hasattr(outcomes, "detach") else outcomes
    try:
        table = np.asarray(outcomes, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must hold one number for each replicate and example, but {outcomes!r} was given.") from error
    if table.ndim != 2 or min(table.shape) < 2:
        raise InputError(f"{name} must be [replicates, examples] with at least two of each, but its shape is {table.shape}.")
    if not np.isfinite(table).all():
        raise InputError(f"{name} must be finite, but {int((~np.isfinite(table)).sum())} of its {table.size} values are not.")
    return table
