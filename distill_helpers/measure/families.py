"""Many comparisons at once: intervals that all hold together as often as they say."""

from dataclasses import replace

import numpy as np

from distill_helpers.checks import InputError, needed
from distill_helpers.measure.statistics import Difference, _check

DRAWS = 10_000


def simultaneous(differences: dict, confidence: float = 0.95) -> dict:
    """{name: Difference} with intervals that hold for all names together; differences: {name: Difference} over the same replicates.

    Max-t: the quantile of the largest |t| of the family (Hothorn, Bretz & Westfall 2008, "Simultaneous Inference in General Parametric Models",
    Biometrical Journal 50), from the correlation of the replicates. Each member's t has R - 1 degrees of freedom and a standard error of its own;
    one standard error for all, as in the textbook's multivariate t, holds 85 % where 95 % is said, for 40 members and 8 replicates. So the
    quantile is drawn: normal replicates with that correlation, fixed random numbers. Never wider than Bonferroni, never narrower than alone.
    Raises InputError for no members, or members of other replicates.
    """
    if not isinstance(differences, dict) or not differences or not all(isinstance(d, Difference) for d in differences.values()):
        raise InputError(f"differences must be a dict of one or more named differences, but {differences!r} was given.")
    sizes = {len(d.values) for d in differences.values()}
    if len(sizes) > 1:
        raise InputError(f"differences must all come from the same replicates, but their numbers are {sorted(sizes)}.")
    _check(confidence)
    stdtrit = needed("scipy.special").stdtrit
    values = np.stack([d.values for d in differences.values()])
    critical = float(critical_value(values[None], confidence)[0])
    found = {}
    for name, d in differences.items():
        # what t says of its own degrees of freedom gives the standard error; the family's quantile gives the width
        error = d.half / stdtrit(d.df or d.n - 1, 0.5 + d.confidence / 2)
        half = max(critical * error, d.half if d.confidence == confidence else 0)
        method = f"{d.method}, simultaneous over {len(differences)}"
        found[name] = replace(d, low=d.mean - half, high=d.mean + half, confidence=confidence, method=method, reach={})
    return found


def critical_value(values: np.ndarray, confidence: float, draws: int = DRAWS) -> np.ndarray:
    """Quantile of the largest |t| for families [..., members, replicates] -> [...]; at most Bonferroni's."""
    stdtrit = needed("scipy.special").stdtrit
    members, replicates = values.shape[-2:]
    single, bonferroni = (stdtrit(replicates - 1, 1 - (1 - confidence) / 2 / count) for count in (1, members))
    if members == 1:
        return np.full(values.shape[:-2], single)
    normal = np.random.default_rng(0).standard_normal((draws, replicates, members))
    found = [np.quantile(_largest_t(normal, _root(family)), confidence) for family in values.reshape(-1, members, replicates)]
    return np.clip(np.reshape(found, values.shape[:-2]), single, bonferroni)


def _root(values: np.ndarray) -> np.ndarray:
    """A square root of the members' correlation, [members, members]; a member that does not vary is correlated with none."""
    centred = values - values.mean(-1, keepdims=True)
    length = np.linalg.norm(centred, axis=-1, keepdims=True)
    unit = np.divide(centred, length, out=np.zeros_like(centred), where=length > 0)
    both = unit @ unit.T
    np.fill_diagonal(both, 1)
    sizes, vectors = np.linalg.eigh(both)
    return vectors * np.sqrt(np.clip(sizes, 0, None))


def _largest_t(normal: np.ndarray, root: np.ndarray) -> np.ndarray:
    """The largest |t| of each draw; normal [draws, replicates, members]."""
    drawn = normal @ root.T
    return np.abs(drawn.mean(1) / drawn.std(1, ddof=1)).max(-1) * np.sqrt(normal.shape[1])
