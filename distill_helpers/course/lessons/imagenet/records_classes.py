"""Recorded: a net of fewer than 27 thousand parameters on 100 to 794 classes, alone and distilled, beside its teacher; one number an entry."""

import torch

from distill_helpers.course.applications.task import ALL, FIRST, FIRST_SEARCHED, SEARCHED, lent_teacher
from distill_helpers.course.applications.trials import answered, scores, train
from distill_helpers.course.applications.tuning import best, beyond_edges
from distill_helpers.course.applications.ways import ALONE, SOFT
from distill_helpers.course.lessons.imagenet.classes import NUMBERS, of_classes

NAME = "imagenet_classes"
DATA = ["emoji.npz", "emoji_more.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.05, "top5": 0.05, "nll": 0.3, "ece": 0.05, "agreement": 0.05}
REPLICATES, FURTHER = 4, 2
RATES = (0.004, 0.016, 0.064)
CELLS = {  # as many settings for either arm; heat and weight are those of the published comparisons
    ALONE: [{"lr": rate, "weight_decay": 0.0} for rate in RATES],
    SOFT: [{"lr": rate, "temperature": 4.0, "weight": 0.9} for rate in RATES],
}
SETTINGS = [{"classes": n} for n in NUMBERS]


def kind(setting: dict) -> str:
    """All numbers of classes are of one kind."""
    return "classes"


def run(setting: dict) -> list[dict]:
    """One row a setting, arm and search replicate (part "search", accuracy on validation), then one an arm and replicate (part "read", on test).

    A best rate at an edge is followed beyond it, twice at most.
    """
    app, rows, chosen = of_classes(setting["classes"]), [], {}
    for arm, cells in CELLS.items():
        tried = _tried(app, arm, cells)
        for _ in range(FURTHER):
            tried += _tried(app, arm, beyond_edges(arm, tried))
        chosen[arm] = best(tried)
        rows += [_blank(arm, "search") | row for row in tried]
    for seed in range(FIRST, FIRST + REPLICATES):
        rows += _read(app, chosen, seed)
    return rows


def _tried(app, arm: str, cells: list[dict]) -> list[dict]:
    rows = []
    for seed in range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED) if cells else ():
        found = train(app, ALL, {str(i): (arm, cell) for i, cell in enumerate(cells)}, seed, app.draw(seed).validation)
        rows += [cell | {"replicate": seed, "accuracy": round(found.scores["accuracy"][0, i].item(), 6)} for i, cell in enumerate(cells)]
    return rows


def _read(app, chosen: dict, seed: int) -> list[dict]:
    drawn = app.draw(seed)
    found = train(app, ALL, {arm: (arm, numbers) for arm, numbers in chosen.items()}, seed)
    taught, rows = answered(lent_teacher(app, seed), drawn.test), []
    for arm in ("teacher", *chosen):
        lost = int(found.diverged[0, found.arms.index(arm)]) if arm in chosen else 0
        logits = taught if arm == "teacher" else answered(found.model(arm), drawn.test)
        logits = torch.zeros_like(logits) if lost else logits  # it counts as guessing
        told = chosen.get(arm, {}) | {"replicate": seed, "diverged": lost}
        rows.append(_blank(arm, "read") | told | scores(logits, drawn.test.labels, taught))
    return rows


def _blank(arm: str, part: str) -> dict:
    nothing = dict.fromkeys(("lr", "weight_decay", "temperature", "weight", "replicate", "accuracy", "top5", "nll", "ece", "agreement"), "")
    return {"part": part, "arm": arm} | nothing | {"diverged": 0}
