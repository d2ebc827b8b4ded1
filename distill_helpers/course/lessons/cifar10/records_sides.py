"""Recorded: the side experiments. Each arm's rate is chosen on two replicates that are not measured, then read on eight."""

import torch

from distill_helpers.course.applications.task import FIRST, FIRST_SEARCHED, REPLICATES, SEARCHED
from distill_helpers.course.lessons.cifar10.sides import AT_PUBLISHED, PUBLISHED, SIDES, run_at
from distill_helpers.course.lessons.cifar10.task import draw
from distill_helpers.course.lessons.cifar10.tuned import RATES
from distill_helpers.measure.calibration import ece

NAME = "cifar10_sides"
DATA = ["sprites.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.04, "ece": 0.05}
FURTHER = 3
SETTINGS = [{"arm": arm, "part": "search"} for arm, side in SIDES.items() if len(side.rates) > 1]
SETTINGS += [{"arm": arm, "part": "read", "lr": rate, "replicate": FIRST + r} for r in range(REPLICATES) for arm, rate in RATES.items()]
SETTINGS += [{"arm": arm, "part": "published rate", "lr": PUBLISHED, "replicate": FIRST + r} for r in range(REPLICATES)
             for arm in AT_PUBLISHED]  # fmt: skip


def kind(setting: dict) -> str:
    """The arm, whatever the replicate."""
    return setting["arm"]


def run(setting: dict) -> list[dict]:
    """One row a rate and replicate: accuracy and calibration error, on validation in the search, else on test; diverged."""
    if setting["part"] == "search":
        return searched(setting["arm"])
    return [_row(setting["arm"], setting["lr"], setting["replicate"])]


def searched(arm: str) -> list[dict]:
    """Every rate on validation. A best rate at an edge is followed beyond it, three times at most."""
    rows, rates = [], list(SIDES[arm].rates)
    for _ in range(1 + FURTHER):
        for seed in range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED):
            found = run_at(arm, rates, seed, draw(seed).validation)
            rows += [{"rate": rate, "seed": seed} | _scores(found, i, draw(seed).validation) for i, rate in enumerate(rates)]
        rates = beyond(rows)
        if not rates:
            break
    return rows


def best(rows: list[dict]) -> float:
    """The rate with the best mean accuracy, the first of equals."""
    values: dict = {}
    for row in rows:
        values.setdefault(row["rate"], []).append(row["accuracy"])
    return max(values, key=lambda rate: round(sum(values[rate]) / len(values[rate]), 6))


def beyond(rows: list[dict]) -> list[float]:
    """The next rate beyond the edge that the best one stands at, if it does."""
    rates, top = sorted({row["rate"] for row in rows}), best(rows)
    if top == rates[0]:
        return [float(f"{top * rates[0] / rates[1]:.6g}")]
    return [float(f"{top * rates[-1] / rates[-2]:.6g}")] if top == rates[-1] else []


def _row(arm: str, rate: float, seed: int) -> dict:
    return _scores(run_at(arm, [rate], seed, draw(seed).test), 0, draw(seed).test)


@torch.no_grad()
def _scores(found, place: int, data) -> dict:
    lost = int(found.diverged[0, place])
    logits = found.model(str(place)).eval()(data.x)
    logits = torch.zeros_like(logits) if lost else logits  # it counts as guessing
    right = (logits.argmax(-1) == data.labels).float().mean().item()
    return {"accuracy": round(right, 6), "ece": round(ece(logits, data.labels).item(), 6), "diverged": lost}
