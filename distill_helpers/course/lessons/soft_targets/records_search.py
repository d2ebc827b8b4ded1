"""Recorded: the settings of every arm, chosen on the 500 validation digits over two replicates that are not among the measured ones."""

from functools import lru_cache

from distill_helpers.course.lessons.soft_targets.arms import LONGER, WAYS, arms_at, students, train
from distill_helpers.course.lessons.soft_targets.halves import ALL, FEW, FIRST_SEARCHED, LABELS
from distill_helpers.data import load_digits_cut

NAME = "soft_targets_search"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.04}
SEARCHED = 2  # replicates
BUDGET = 24  # settings an arm

RATES = (0.0025, 0.01, 0.04, 0.16, 0.64, 2.56)
LOW_RATES = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 1.0)  # for training on; next to none of it is the first
DECAYS = (0.0, 0.05, 0.5, 5.0)
SMOOTHINGS = (0.0, 0.1, 0.3, 0.6)
TEMPERATURES = (0.125, 0.5, 2.0, 8.0, 32.0, 128.0)
WEIGHTS = (0.4, 0.8, 1.0)

# two arms are others for more steps, and have their settings
SETTINGS = [{"labels": labels, "arm": arm} for labels in (FEW, ALL) for arm in arms_at(labels) if arm not in LONGER]
# between the regimes the others keep the settings of FEW; what they are held against is tuned anew
SETTINGS += [{"labels": labels, "arm": "alone"} for labels in LABELS if labels not in (FEW, ALL)]


def grids(arm: str) -> list:
    """The arm's settings in stages; a stage is a function of the best cell so far that gives cells, each a dict of numbers."""
    if WAYS[arm].begins:
        return [lambda best: [{"lr": r, "weight_decay": d} for r in LOW_RATES for d in DECAYS]]
    if arm == "label smoothing":
        return [lambda best: [{"smoothing": s, "lr": r} for s in SMOOTHINGS for r in RATES]]
    if "soft" not in arm and arm not in ("class means", "random teacher"):
        return [lambda best: [{"lr": r, "weight_decay": d} for r in RATES for d in DECAYS]]
    # a weight of 0 is the labels alone, whatever the temperature
    first = [{"temperature": t, "weight": w, "lr": 0.01} for t in TEMPERATURES for w in WEIGHTS] + [{"temperature": 2.0, "weight": 0.0, "lr": 0.01}]
    return [lambda best: first, lambda best: [best | {"lr": r} for r in RATES if r != 0.01]]


@lru_cache(maxsize=None)
def search(arm: str, labels: int, count: int = SEARCHED) -> tuple[dict, list[dict]]:
    """(the best cell, one row a cell and replicate)."""
    rows, best, top, earlier = [], None, -1.0, None
    first = "alone" if WAYS[arm].asked == "earlier student" else WAYS[arm].begins
    if first:
        found, _ = search(first, labels, count)
        earlier = students(train(first, labels, [found], count, FIRST_SEARCHED, test=load_digits_cut().validation))
    for stage in grids(arm):
        cells = stage(best)
        found = train(arm, labels, cells, count, FIRST_SEARCHED, earlier, load_digits_cut().validation)
        for i, cell in enumerate(cells):
            values = found.scores["accuracy"][:, i]
            rows += [cell | {"replicate": FIRST_SEARCHED + r, "accuracy": v.item()} for r, v in enumerate(values)]
            if values.mean().item() > top:
                best, top = cell, values.mean().item()
    return best, rows


def run(setting: dict, count: int = SEARCHED) -> list[dict]:
    """All settings of one arm with so many labels: validation accuracy, one row a setting and replicate."""
    return search(setting["arm"], setting["labels"], count)[1]
