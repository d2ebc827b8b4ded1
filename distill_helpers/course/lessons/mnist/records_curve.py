"""Recorded: students of nine sizes, alone and distilled, each with the rate that two search replicates chose for it."""

from dataclasses import replace

import torch

from distill_helpers.course.applications.task import ALL, FIRST, FIRST_SEARCHED, REPLICATES, SEARCHED, UNLABELLED, lent_teacher
from distill_helpers.course.applications.trials import train
from distill_helpers.course.applications.ways import ALONE, RATES, SOFT
from distill_helpers.course.lessons.mnist.sizes import WIDTHS, student
from distill_helpers.course.lessons.mnist.task import MNIST
from distill_helpers.course.lessons.mnist.tuned import TUNED

NAME = "mnist_curve"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.05}
SETTINGS = [{"student": kind, "width": width, "regime": regime} for kind, widths in WIDTHS.items() for width in widths
            for regime in (ALL, UNLABELLED)]  # fmt: skip


def kind(setting: dict) -> str:
    """Students of one kind."""
    return setting["student"]


def run(setting: dict):
    """One row a rate, arm and search replicate (part "search", accuracy on validation), then one an arm and replicate (part "read", on test).

    Temperature, weight and decay are those that the search of the arms chose at 6,330 parameters; the rate is chosen anew. Where few digits have a
    label, alone has those few. outcomes: right, bool [replicate, arm, test digit].
    """
    app, regime = replace(MNIST, student=student(setting["student"], setting["width"])), setting["regime"]
    rows, chosen = [], {}
    for arm in (ALONE, SOFT):
        scores = torch.stack([_run(app, regime, {str(r): (arm, r) for r in RATES}, s, app.draw(s).validation).scores["accuracy"][0]
                              for s in range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED)])  # fmt: skip
        for i, rate in enumerate(RATES):
            rows += [{"part": "search", "arm": arm, "lr": rate, "replicate": FIRST_SEARCHED + s, "accuracy": round(v.item(), 6), "diverged": 0}
                     for s, v in enumerate(scores[:, i])]  # fmt: skip
        chosen[arm] = RATES[int(scores.mean(0).argmax())]
    right = []
    for r in range(FIRST, FIRST + REPLICATES):
        answers = []
        for arm, rate in chosen.items():
            found = _run(app, regime, {arm: (arm, rate)}, r, None)
            rows.append({"part": "read", "arm": arm, "lr": rate, "replicate": r, "accuracy": round(found.scores["accuracy"][0, 0].item(), 6),
                         "diverged": int(found.diverged[0, 0])})  # fmt: skip
            answers.append(found.outcomes[0, 0])
        right.append(torch.stack(answers))
    return rows, {"right": torch.stack(right).numpy()}


def _run(app, regime, arms, seed, test):
    """{name: (way, rate)} in one replicate."""
    way = next(iter(arms.values()))[0]
    place = "few labels" if regime == UNLABELLED and way == ALONE else regime
    given = {name: (way, TUNED[place][way] | {"lr": rate}) for name, (way, rate) in arms.items()}
    return train(app, place, given, seed, test, lent_teacher(MNIST, seed) if way == SOFT else None)
