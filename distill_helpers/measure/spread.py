"""Whether one method's results spread less over seeds than another's."""

from dataclasses import replace

import numpy as np

from distill_helpers.checks import InputError, needed
from distill_helpers.measure.statistics import Difference, interval, paired


def spread_ratio(a, b, confidence: float = 0.95, name: str = "") -> Difference:
    """ln(standard deviation of a / standard deviation of b) over seeds, with an interval; a and b paired by seed.

    Pitman, "A Note on Normal Correlation", Biometrika 31, 1939, and Morgan in the same volume: for pairs from a normal distribution
    with correlation r, ln of the ratio of variances lies within arcosh(1 + 2(1 - r²)t²/(n - 2)) of the measured one, t the quantile
    of Student's t with n - 2 degrees of freedom. ``values`` are ln of the ratio with one seed left out. Raises InputError for fewer than
    four seeds, or values that do not vary.
    """
    plain = paired(a, b, confidence)
    a, b = (np.asarray(v.detach().cpu() if hasattr(v, "detach") else v, dtype=float) for v in (a, b))
    if plain.n < 4 or a.std() == 0 or b.std() == 0:
        raise InputError(f"a and b must vary over at least 4 seeds, but {plain.n} seeds with spreads {a.std():g} and {b.std():g} were given.")
    stdtrit = needed("scipy.special").stdtrit
    n, r = plain.n, np.corrcoef(a, b)[0, 1]
    t = stdtrit(n - 2, 0.5 + confidence / 2)
    middle = float(np.log(a.std() / b.std()))
    half = float(0.5 * np.arccosh(1 + 2 * (1 - r**2) * t**2 / (n - 2)))
    left_out = [np.log(np.delete(a, i).std() / np.delete(b, i).std()) for i in range(n)]
    return Difference(middle, middle - half, middle + half, n, confidence, "Pitman-Morgan", plain.a_mean, plain.b_mean, np.array(left_out), name)


def distance_from_median(values) -> np.ndarray:
    """|value - median| for each seed: what Brown & Forsythe 1974 compare, robust against single outliers."""
    values = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values, dtype=float)
    return np.abs(values - np.median(values))


def spread_within(a, b, confidence: float = 0.95, name: str = "") -> Difference:
    """ln(spread of a / spread of b), the spread being the standard deviation over starts within a replicate; a, b [replicates, starts].

    Student's t over the replicates' log ratios: the starts alone vary within a replicate, so that draws of data do not count as unsteadiness.
    Raises InputError for tables of other shapes, fewer than two replicates or three starts, or starts that do not vary.
    """
    a, b = (np.asarray(v.detach().cpu() if hasattr(v, "detach") else v, dtype=float) for v in (a, b))
    if a.ndim != 2 or a.shape != b.shape or a.shape[0] < 2 or a.shape[1] < 3:
        raise InputError(f"a and b must both be [replicates, starts], at least 2 by 3, but their shapes are {a.shape} and {b.shape}.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()) or (a.std(1) == 0).any() or (b.std(1) == 0).any():
        raise InputError("a and b must be finite and vary over the starts of each replicate, but one of them does not.")
    found = interval(np.log(a.std(1, ddof=1) / b.std(1, ddof=1)), confidence, name=name)
    return replace(found, method="t, log ratio of spreads within replicates")
