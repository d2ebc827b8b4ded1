"""Whether one method's results spread less over seeds than another's."""

import numpy as np

from distill_helpers.checks import InputError, needed
from distill_helpers.measure.statistics import Difference, paired


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
