"""Curves over training: the loss, or what was measured on held-out data, of several arms, each with a band over its replicates."""

import numpy as np

from distill_helpers.checks import InputError, needed, whole
from distill_helpers.measure.statistics import interval
from distill_helpers.show.figure import looks

POINTS = 80  # on a curve: a history of thousands of steps is averaged over as many stretches


def curves(arms: dict, term: str | None = None, ax=None, unit: str = "", title: str = "", log: bool = False):
    """One line for each arm, the mean over its replicates, in a band that is the 95 % interval of that mean. Returns the Axes.

    arms: {name: what was kept of its training}: a Run, whose history holds ``term`` (its sum over all terms by default) at each step; a Curve
    watcher, or its rows, with ``term`` among its measures ("accuracy" by default); or a pair (steps [S], values [S, replicates]).
    A replicate that has no value from some step on (NaN) counts up to there. log: a logarithmic axis of values.
    Raises InputError for no arms, another kind of arm, or a term that is not there.
    """
    plt = needed("matplotlib.pyplot")
    if not arms:
        raise InputError("arms must name at least one run, but none was given.")
    ax = ax or plt.subplots(figsize=(7, 3.2))[1]
    for (name, arm), look in zip(arms.items(), looks(len(arms)), strict=True):
        steps, values = _series(name, arm, term)
        middle, low, high = band(values)
        ax.plot(steps, middle, label=name, color=look["color"], linestyle=look["linestyle"])
        if values.shape[1] > 1:
            ax.fill_between(steps, low, high, color=look["color"], alpha=0.18, linewidth=0)
    ax.set(xlabel="step", ylabel=unit or term or "", title=title)
    if log:
        ax.set_yscale("log")
    ax.legend(fontsize=8)
    return ax


def band(values) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(mean, low, high) [S] over replicates of values [S, replicates]: the mean's 95 % interval by Student's t; NaN where fewer than two count."""
    values = np.asarray(values, dtype=float)
    rows = [row[np.isfinite(row)] for row in values]
    middle = np.array([row.mean() if len(row) else np.nan for row in rows])
    both = [interval(row) if len(row) > 1 else None for row in rows]
    low = np.array([np.nan if one is None else one.low for one in both])
    high = np.array([np.nan if one is None else one.high for one in both])
    return middle, low, high


def thinned(steps, values, points: int = POINTS) -> tuple[np.ndarray, np.ndarray]:
    """At most ``points`` rows, each the mean of a stretch of neighbouring ones, at the stretch's last step."""
    whole("points", points)
    steps, values = np.asarray(steps), np.asarray(values, dtype=float)
    if len(steps) <= points:
        return steps, values
    edges = np.linspace(0, len(steps), points + 1).round().astype(int)
    stretches = list(zip(edges[:-1], edges[1:], strict=True))
    return np.array([steps[b - 1] for _, b in stretches]), np.stack([values[a:b].mean(0) for a, b in stretches])


def _series(name: str, arm, term):
    """(steps [S], values [S, replicates]) of one arm."""
    if isinstance(arm, tuple) and len(arm) == 2:
        steps, values = np.asarray(arm[0]), np.asarray(arm[1], dtype=float)
        if values.ndim != 2 or len(steps) != len(values):
            raise InputError(f"{name} must be (steps [S], values [S, replicates]), but shapes {steps.shape} and {values.shape} were given.")
        return thinned(steps, values)
    if isinstance(getattr(arm, "history", None), dict):
        history = {key: np.asarray(kept, dtype=float) for key, kept in arm.history.items()}
        if not history or (term is not None and term not in history):
            raise InputError(f"term must be one of {', '.join(map(repr, history)) or 'none'} for {name}, but {term!r} was given.")
        values = sum(history.values()) if term is None else history[term]
        return thinned(np.arange(1, len(values) + 1), values)
    rows = getattr(arm, "rows", arm)
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict) or "step" not in rows[0]:
        raise InputError(f"{name} must be a Run, a Curve, its rows, or (steps, values), but {type(arm).__name__} was given.")
    return _of_rows(name, rows, term or "accuracy")


def _of_rows(name, rows, term):
    if term not in rows[0]:
        measures = [key for key in rows[0] if key not in ("step", "seed", "name")]
        raise InputError(f"term must be one of {', '.join(map(repr, measures))} for {name}, but {term!r} was given.")
    steps = sorted({row["step"] for row in rows})
    who = list(dict.fromkeys((row.get("name"), row.get("seed")) for row in rows))
    values = np.full((len(steps), len(who)), np.nan)
    for row in rows:
        values[steps.index(row["step"]), who.index((row.get("name"), row.get("seed")))] = row[term]
    return np.array(steps), values
