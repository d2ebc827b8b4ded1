"""Ranking many methods over shared seeds without pretending to more certainty than a few seeds give."""

import numpy as np

from distill_helpers.checks import InputError, fraction, whole


def probability_best(scores, resamples: int = 9999, seed: int = 0) -> np.ndarray:
    """How often each method has the highest mean when the seeds are drawn anew with replacement; scores [methods, seeds] -> [methods].

    The bootstrap over shared seeds (Efron 1979): all methods keep their pairing by seed. Ties share the win. The sum is 1.
    Raises InputError for fewer than two methods or seeds, or values that are not finite.
    """
    means = _resampled(scores, resamples, seed)
    first = means >= means.max(0) - 1e-12
    return (first / first.sum(0)).mean(1)


def rank_interval(scores, confidence: float = 0.95, resamples: int = 9999, seed: int = 0) -> np.ndarray:
    """Lowest and highest rank (1 is best) of each method over the same resamples, int [methods, 2]. Raises as ``probability_best``."""
    fraction("confidence", confidence)
    means = _resampled(scores, resamples, seed)
    ranks = 1 + (means[None] > means[:, None] + 1e-12).sum(1)
    tail = (1 - confidence) / 2
    return np.stack([np.quantile(ranks, tail, axis=1, method="lower"), np.quantile(ranks, 1 - tail, axis=1, method="higher")], 1).astype(int)


def best_by_luck(differences, confidence: float = 0.95, resamples: int = 9999, seed: int = 0) -> float:
    """What the best of many methods gains by luck alone: the quantile of the largest mean when no method gains anything.

    differences: [methods, seeds], each against one baseline. They are centred, so that every true gain is zero, and the seeds
    drawn anew (White 2000, "A Reality Check for Data Snooping", Econometrica 68). They are widened by √(n/(n-1)), as a sample's
    spread falls short of its population's. Raises as ``probability_best``.
    """
    fraction("confidence", confidence)
    d = _checked(differences)
    centred = (d - d.mean(1, keepdims=True)) * np.sqrt(d.shape[1] / (d.shape[1] - 1))
    return float(np.quantile(_resampled(centred, resamples, seed).max(0), confidence))


def _resampled(scores, resamples: int, seed: int) -> np.ndarray:
    """Means of each method over resampled seeds, [methods, resamples]."""
    whole("resamples", resamples)
    scores = _checked(scores)
    drawn = np.random.default_rng(seed).integers(scores.shape[1], size=(resamples, scores.shape[1]))
    counts = np.stack([(drawn == s).sum(1) for s in range(scores.shape[1])], 1)
    return scores @ counts.T / scores.shape[1]


def _checked(scores) -> np.ndarray:
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or min(scores.shape) < 2:
        raise InputError(f"scores must be [methods, seeds] with at least two of each, but {scores.shape} was given.")
    if not np.isfinite(scores).all():
        raise InputError("scores must be finite, but some are NaN or infinite.")
    return scores
