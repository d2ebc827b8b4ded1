"""How every arm's settings are chosen: many on two replicates, the best few on eight, and on beyond an edge that wins."""

import math
from collections.abc import Callable

SEARCHED, FINALISTS, DECIDED = 2, 6, 8  # replicates for all settings; the best so many; replicates that decide between those
FURTHER = 4  # steps beyond an edge
NUMBERS = ("temperature", "weight", "smoothing", "lr", "weight_decay")
STANDSTILL = 1e-12  # a rate at which no weight moves: for training on, the choice to stop

# ends beyond which there is nothing: no smoothing, no decay, no teacher or nothing else, no training on. At the lowest temperature the answers are
# the first choice, near ties apart, and Adam makes up for the size of the gradient; at the highest the loss is regression of the logits
NATURAL = {("smoothing", 0.0), ("weight_decay", 0.0), ("weight", 0.0), ("weight", 1.0), ("lr", STANDSTILL),
           ("temperature", 0.125), ("temperature", 128.0)}  # fmt: skip


def searched(stages: list[Callable], score: Callable) -> list[dict]:
    """One row a setting and replicate: its numbers, "replicate" (counted from 0) and "accuracy".

    stages: functions of the ranked settings so far that give settings. score(settings, first, count): accuracy on validation, [count, settings],
    in ``count`` replicates from the ``first`` on.
    """
    rows: list[dict] = []

    def tried(cells, first, count):
        for i, values in enumerate(score(cells, first, count).T):
            rows.extend(cells[i] | {"replicate": first + r, "accuracy": round(v.item(), 6)} for r, v in enumerate(values))

    for stage in stages:
        tried(stage(ranked(rows, SEARCHED)), 0, SEARCHED)
    tried(ranked(rows, SEARCHED)[:FINALISTS], SEARCHED, DECIDED - SEARCHED)
    for _ in range(FURTHER):
        further = beyond(rows)
        if not further:
            break
        tried(further, 0, DECIDED)
    return rows


def ranked(rows: list[dict], replicates: int) -> list[dict]:
    """The settings that were tried on at least so many replicates, by their mean over the first so many, best first; the first of equals leads."""
    values: dict = {}
    for row in rows:
        cell = tuple((n, float(row[n])) for n in NUMBERS if _told(row.get(n)))
        values.setdefault(cell, {})[row["replicate"]] = row["accuracy"]
    seen = sorted({row["replicate"] for row in rows})[:replicates]
    means = {cell: sum(of[r] for r in seen) / replicates for cell, of in values.items() if len(seen) == replicates and set(seen) <= set(of)}
    return [dict(cell) for cell in sorted(means, key=lambda cell: -round(means[cell], 6))]


def best(rows: list[dict]) -> dict:
    """The setting with the best mean among those that all eight replicates decided between."""
    return ranked(rows, DECIDED)[0]


def edges(rows: list[dict]) -> dict:
    """{number: value} of the chosen setting that is the smallest or largest that was tried, natural bounds apart."""
    found, winner = {}, best(rows)
    for name, value in winner.items():
        values = _values(rows, name)
        idle = name == "temperature" and winner.get("weight") == 0
        if len(values) > 1 and value in (values[0], values[-1]) and (name, value) not in NATURAL and not idle:
            found[name] = value
    return found


def beyond(rows: list[dict]) -> list[dict]:
    """The chosen setting with each number at an edge moved one step beyond it; a step is what lies between the last two that were tried."""
    winner, found = best(rows), []
    for name, value in edges(rows).items():
        values = [v for v in _values(rows, name) if v > STANDSTILL]
        step = values[0] / values[1] if value == values[0] else values[-1] / values[-2]
        found.append(winner | {name: float(f"{value * step:.6g}")})
    return found


def _values(rows, name) -> list[float]:
    return sorted({float(row[name]) for row in rows if _told(row.get(name))})


def _told(value) -> bool:
    return value is not None and not math.isnan(value)
