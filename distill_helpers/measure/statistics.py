"""Intervals over replicates: of one quantity, of a paired difference, and of an unpaired one."""

from dataclasses import dataclass, field, replace

import numpy as np

from distill_helpers.checks import InputError, finite_number, fraction, needed, one_of


@dataclass(frozen=True, eq=False)
class Difference:
    """Mean of a - b over replicates, with its confidence interval [low, high], in the units of a and b.

    values: the differences, one a replicate (unpaired: the smaller arm about the other's mean). n: replicates, of the smaller arm. a_mean, b_mean:
    the two means; ``interval`` gives the same with b = 0. df: degrees of freedom of Student's t. correlation: of a and b over replicates, which
    is what pairing lives on. sources: {"replicates", "examples", "rest": share of the mean's variance}. diverged: replicates in which an arm
    diverged and counts as guessing. reach: {source: (half-width, degrees of freedom) when that source is left out}.
    """

    mean: float
    low: float
    high: float
    n: int
    confidence: float
    method: str
    a_mean: float
    b_mean: float
    values: np.ndarray
    name: str = ""
    df: float | None = None
    correlation: float | None = None
    sources: dict = field(default_factory=dict)
    diverged: int = 0
    reach: dict = field(default_factory=dict)

    @property
    def half(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2

    def against(self, margin: float = 0.0) -> bool | None:
        """True when the whole interval lies above ``margin``, False when it lies below, None when it does neither.

        Raises InputError for a margin that is not a number.
        """
        finite_number("margin", margin)
        if self.low > margin:
            return True
        return False if self.high < margin else None

    def without(self, source: str) -> "Difference":
        """The same difference as if ``source`` varied no more: "replicates" or "examples".

        Raises InputError where the interval rests on one source alone: nothing would be left of it.
        """
        if not self.reach:
            raise InputError(f"source must be one of several that an interval rests on, but this one ({self.method}) rests on replicates alone.")
        one_of("source", source, tuple(self.reach))
        half, df = self.reach[source]
        return replace(self, low=self.mean - half, high=self.mean + half, df=df, method=f"{self.method}, without {source}", reach={}, sources={})

    def times(self, factor: float) -> "Difference":
        """The same in other units, 100 for points of a fraction; -1 turns it round."""
        finite_number("factor", factor)
        low, high = sorted((factor * self.low, factor * self.high))
        return replace(self, mean=factor * self.mean, low=low, high=high, a_mean=factor * self.a_mean, b_mean=factor * self.b_mean,
                       values=factor * self.values, reach={k: (abs(factor) * half, df) for k, (half, df) in self.reach.items()})  # fmt: skip

    def __str__(self):
        unit = "seeds" if self.method in ("t", "bootstrap", "Pitman-Morgan") else "replicates"
        return f"{self.mean:+.4f} [{self.low:+.4f}, {self.high:+.4f}] ({self.confidence:.0%}, {self.n} {unit})"


def paired(a, b, confidence: float = 0.95, method: str = "t", name: str = "", diverged: int = 0) -> Difference:
    """The difference a - b, paired by seed; a and b hold one number a seed, in the same order of seeds.

    method "t": Student's t interval. "bootstrap": percentile bootstrap over seeds (Efron 1979), 9,999 fixed resamples, with
    the percentiles moved outwards for small samples (Hesterberg 2015, "What Teachers Should Know About the Bootstrap",
    The American Statistician 69, "expanded percentile"); without that, 8 seeds cover 89 % where 95 % is said.
    diverged: in how many replicates an arm diverged (see ``as_chance``). For test examples that all replicates share, see ``two_way``.
    Raises InputError for fewer than two seeds, differing lengths, or values that are not finite.
    """
    a, b = _values("a", a), _values("b", b)
    if len(a) != len(b):
        raise InputError(f"a and b must hold one value for each shared seed, but {len(a)} and {len(b)} were given.")
    _check(confidence)
    one_of("method", method, ("t", "bootstrap"))
    d = a - b
    mean, low, high = _bounds(d, confidence, method)
    return Difference(mean, low, high, len(d), confidence, method, float(a.mean()), float(b.mean()), d, name, len(d) - 1,
                      correlation(a, b), {"replicates": 1.0}, diverged)  # fmt: skip


def interval(values, confidence: float = 0.95, method: str = "t", name: str = "", diverged: int = 0) -> Difference:
    """The mean over seeds of one quantity, with its interval."""
    values = _values("values", values)
    return paired(values, np.zeros_like(values), confidence, method, name, diverged)


def unpaired(a, b, confidence: float = 0.95, name: str = "", diverged: int = 0) -> Difference:
    """The difference of two means whose replicates share nothing, other architectures for example; a [Ra], b [Rb].

    Welch, "The Generalization of 'Student's' Problem when Several Different Population Variances are Involved", Biometrika 34, 1947:
    each arm has its own variance. Where they have the same number of replicates, the correlation is given as well, to show that it is near 0.
    Raises as ``paired``, but for differing lengths.
    """
    a, b = _values("a", a), _values("b", b)
    _check(confidence)
    mean, half, df = welch(a, b, confidence)
    smaller = a - b.mean() if len(a) <= len(b) else a.mean() - b
    both = correlation(a, b) if len(a) == len(b) else None
    return Difference(float(mean), float(mean - half), float(mean + half), len(smaller), confidence, "Welch's t", float(a.mean()), float(b.mean()),
                      smaller, name, float(df), both, {"replicates": 1.0}, diverged)  # fmt: skip


def as_chance(scores, diverged, chance: float) -> np.ndarray:
    """Scores [replicates, ...] in which each replicate that diverged, bool [replicates], counts as guessing: its scores become ``chance``."""
    scores, lost = np.array(scores, dtype=float), np.asarray(diverged, dtype=bool)
    finite_number("chance", chance)
    if lost.shape != scores.shape[:1]:
        raise InputError(f"diverged must say it for each of the {scores.shape[:1]} replicates, but its shape is {lost.shape}.")
    scores[lost] = chance
    return scores


def half_width(spread: float, replicates: int, confidence: float = 0.95) -> float:
    """The half-width that so many replicates can reach when their differences have this standard deviation, measured in a pilot run."""
    _check(confidence)
    if not isinstance(replicates, int) or replicates < 2:
        raise InputError(f"replicates must be a whole number of at least 2, but {replicates!r} was given.")
    finite_number("spread", spread)
    return float(needed("scipy.special").stdtrit(replicates - 1, 0.5 + confidence / 2) * spread / np.sqrt(replicates))


def welch(a: np.ndarray, b: np.ndarray, confidence: float):
    """Mean, half-width and degrees of freedom of Welch's interval; a [..., Ra], b [..., Rb]."""
    stdtrit = needed("scipy.special").stdtrit
    va, vb = (x.var(-1, ddof=1) / x.shape[-1] for x in (a, b))
    least = min(a.shape[-1], b.shape[-1]) - 1
    below = va**2 / (a.shape[-1] - 1) + vb**2 / (b.shape[-1] - 1)
    df = np.where(below > 0, (va + vb) ** 2 / np.where(below > 0, below, 1), least)
    return a.mean(-1) - b.mean(-1), stdtrit(df, 0.5 + confidence / 2) * np.sqrt(va + vb), df


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's correlation over replicates, or None where one of the two does not vary."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def _check(confidence) -> None:
    fraction("confidence", confidence)
    if confidence in (0, 1):
        raise InputError(f"confidence must lie between 0 and 1, but {confidence!r} was given.")


def _values(name: str, values) -> np.ndarray:
    values = values.detach().cpu().double().numpy() if hasattr(values, "detach") else values
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must hold one number a seed, but {values!r} was given.") from error
    if array.ndim != 1 or len(array) < 2:
        raise InputError(f"{name} must hold one number a seed, for at least 2 seeds, but its shape is {array.shape}.")
    if not np.isfinite(array).all():
        raise InputError(f"{name} must be finite, but {int((~np.isfinite(array)).sum())} of its {len(array)} values are not.")
    return array


def _bounds(d: np.ndarray, confidence: float, method: str) -> tuple[float, float, float]:
    """Mean, low and high; all one point when d does not vary."""
    if np.ptp(d) == 0:
        return float(d[0]), float(d[0]), float(d[0])
    special = needed("scipy.special")
    n, mean = len(d), float(d.mean())
    reach = special.stdtrit(n - 1, 0.5 + confidence / 2)  # quantile of Student's t
    if method == "bootstrap":
        draws = np.random.default_rng(0).choice(d, (9999, n)).mean(1)
        tail = 100 * special.ndtr(-np.sqrt(n / (n - 1)) * reach)
        low, high = np.percentile(draws, [tail, 100 - tail])
        return mean, float(low), float(high)
    half = float(reach * d.std(ddof=1) / np.sqrt(n))
    return mean, mean - half, mean + half
