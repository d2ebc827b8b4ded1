"""How a result is written: mean, interval, unit, replicates; the same in findings, verdicts, tables and figures."""

from distill_helpers.checks import one_of
from distill_helpers.measure.statistics import Difference

# unit: (what the package's own numbers are multiplied by, decimals). Accuracies are fractions, shown in points.
UNITS = {
    "": (1, 3), "points": (100, 2), "points under attack": (100, 2), "points of mAP": (100, 2), "points of word error": (100, 2), "ECE": (1, 4),
    "CKA": (1, 3), "bits a character": (1, 3), "doublings of the rate per doubling of the size": (1, 2), "log ratio": (1, 2),
    "total variation": (1, 3), "% of the steps": (100, 1), "% of the time": (100, 1), "% of the predicted rate": (100, 1), "%": (100, 1),
}  # fmt: skip


def in_units(d: Difference, unit: str) -> Difference:
    """The difference in the unit that it is shown in. Raises InputError for a unit that is not in the list."""
    one_of("unit", unit, tuple(UNITS))
    return d.times(UNITS[unit][0])


def amount(low: float, mean: float, high: float, unit: str) -> str:
    """``+0.34 [+0.20, +0.48] points``, for numbers that are in this unit already; one that would round to zero is given to its first digit."""
    one_of("unit", unit, tuple(UNITS))
    mean, low, high = (_signed(v, UNITS[unit][1]) for v in (mean, low, high))
    space = "" if unit.startswith("%") or not unit else " "
    return f"{mean} [{low}, {high}]{space}{unit}"


def _signed(value: float, decimals: int) -> str:
    """The number with its sign. One that rounds to zero gets up to three decimals more, so that its sign can be seen."""
    for more in range(decimals, decimals + 4):
        if round(value, more):
            return f"{value:+.{more}f}"
    return f"{0.0:+.{decimals}f}"


def formatted(d: Difference, unit: str = "points") -> str:
    """``+0.34 [+0.20, +0.48] points, 16 replicates``; d in the package's own numbers."""
    shown = in_units(d, unit)
    lost = f", {d.diverged} diverged" if d.diverged else ""
    return f"{amount(shown.low, shown.mean, shown.high, unit)}, {d.n} replicates{lost}"
