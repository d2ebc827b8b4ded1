"""Made-up data for learning to read a verdict: their truth is known, because it was put in. Differences in points, unless said."""

import numpy as np

from distill_helpers.measure.families import simultaneous
from distill_helpers.measure.statistics import Difference, interval, paired

# effect and spread over replicates of six made-up comparisons, eight replicates each
_SIX = {"A": (1.6, 0.6), "B": (0.7, 0.5), "C": (0.25, 0.15), "D": (0.05, 0.25), "E": (-0.6, 0.4), "F": (0.4, 1.0)}
SPREAD = 0.8  # points from replicate to replicate, of the picture that can be moved


def differences(effect: float, spread: float, replicates: int, seed: int = 0) -> np.ndarray:
    """One difference a replicate, [replicates]: exactly this mean and standard deviation, otherwise random."""
    noise = np.random.default_rng(seed).standard_normal(replicates)
    return effect + spread * (noise - noise.mean()) / noise.std(ddof=1)


def six() -> dict[str, Difference]:
    """Six comparisons over eight replicates each."""
    return {name: interval(differences(*given, 8, seed)) for seed, (name, given) in enumerate(_SIX.items())}


def two_arms(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies in % of two arms over eight replicates, [8] each: the draw moves both alike, and the second is better by half a point."""
    rng = np.random.default_rng(seed)
    draw = 94 + 1.2 * rng.standard_normal(8)
    return draw + 0.2 * rng.standard_normal(8), draw + 0.5 + 0.2 * rng.standard_normal(8)


def idle_family(rng: np.random.Generator, members: int = 12) -> dict[str, Difference]:
    """{method: difference from one baseline} of methods that do nothing, eight replicates."""
    baseline = rng.standard_normal(8)
    return {f"method {n + 1}": paired(rng.standard_normal(8), baseline) for n in range(members)}


def false_alarms(families: int = 100, seed: int = 0) -> tuple[int, int]:
    """In how many families of idle methods some interval leaves out zero: single intervals, simultaneous ones."""
    rng = np.random.default_rng(seed)
    single = together = 0
    for _ in range(families):
        family = idle_family(rng)
        single += any(d.low > 0 or d.high < 0 for d in family.values())
        together += any(d.low > 0 or d.high < 0 for d in simultaneous(family).values())
    return single, together


def measurements() -> dict[str, Difference]:
    """Made-up measurements of claim C02 by registered key, as fractions: what lesson 07 would hand in."""
    given = {
        "all_labels.vs_k": (0.9, 0.35),
        "all_labels.vs_longer": (0.6, 0.5),
        "few_labels.vs_k": (0.36, 0.3),
        "few_labels.vs_longer": (-0.3, 0.9),
        "all_labels.only_vs_k": (1.1, 0.4),
        "all_labels.only_vs_longer": (0.2, 0.6),
        "all_labels.only_vs_only_longer": (0.3, 0.5),
        "all_labels.only_vs_only_same": (0.2, 0.5),
        "few_labels.only_vs_k": (0.5, 0.4),
        "few_labels.only_vs_longer": (-0.4, 0.8),
        "few_labels.only_vs_only_longer": (0.1, 0.6),
        "few_labels.only_vs_only_same": (0.2, 0.6),
    }
    return {key: interval(differences(*both, 8, seed) / 100) for seed, (key, both) in enumerate(given.items())}
