"""Recorded: every arm at every number of labels over twelve replicates, with the settings that the search chose."""

from functools import lru_cache

import torch

from distill_helpers.course.lessons.soft_targets.arms import LONGER, WAYS, arms_at, students, train
from distill_helpers.course.lessons.soft_targets.halves import ALL, FEW, FIRST, LABELS, REPLICATES, replicates, teachers
from distill_helpers.course.lessons.soft_targets.tuned import TUNED
from distill_helpers.data import load_digits_cut
from distill_helpers.measure.calibration import accuracy, agreement, ece, nll

NAME = "soft_targets_arms"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03, "nll": 0.3, "ece": 0.03, "agreement": 0.03, "train": 0.03}
NUMBERS = ("lr", "weight_decay", "temperature", "weight", "smoothing")


def _first(arm: str) -> str:
    """The arm whose finished students this one begins with, if any."""
    return "alone" if WAYS[arm].asked == "earlier student" else WAYS[arm].begins


def _setting(labels: int, arm: str) -> dict:
    numbers = TUNED[FEW] | TUNED[labels]
    own = numbers[arm]
    before = numbers[_first(arm)] if _first(arm) else {}
    return {"labels": labels, "arm": arm} | own | {f"first_{name}": value for name, value in before.items()}


# arms for more steps have a search and a record of their own
SETTINGS = [{"labels": ALL, "arm": "teacher"}] + [_setting(labels, arm) for labels in LABELS for arm in arms_at(labels) if arm not in LONGER]


@lru_cache(maxsize=4)
def _finished(arm: str, labels: int, numbers: tuple, count: int, first: int) -> list:
    return students(train(arm, labels, [dict(numbers)], count, first))


def run(setting: dict, count: int = REPLICATES, first: int = FIRST):
    """One arm with so many labels, one row a replicate, read on the 2,000 test digits, and what each of those was answered.

    train: accuracy on the labelled digits that the student has, as they are, not moved. agreement: with the teacher. outcomes: right
    or wrong, and the confidence in the first choice, [replicate, 1, test digit].
    """
    arm, labels, digits = setting["arm"], setting["labels"], load_digits_cut()
    taught = [t.module for t in teachers(count, first)]
    if arm == "teacher":
        models, lost = taught, torch.zeros(count, dtype=torch.bool)
    else:
        numbers = {name: setting[name] for name in NUMBERS if name in setting}
        before = tuple((name, setting[f"first_{name}"]) for name in NUMBERS if f"first_{name}" in setting)
        earlier = _finished(_first(arm), labels, before, count, first) if before else None
        found = train(arm, labels, [numbers], count, first, earlier)
        models, lost = students(found), found.diverged[:, 0]
    drawn = [r.rows for r in replicates(labels, "labelled", count, first)]
    answers, rows = [], []
    for r, (model, half) in enumerate(zip(models, drawn, strict=True)):
        with torch.no_grad():
            z, t, own = model(digits.test.x), taught[r](digits.test.x), model(digits.train.subset(half).x)
        if lost[r]:  # it counts as guessing
            z, own = torch.zeros_like(z), torch.zeros_like(own)
        y = digits.test.labels
        rows.append({"replicate": first + r, "accuracy": accuracy(z, y).item(), "nll": nll(z, y).item(), "ece": ece(z, y).item(),
                     "agreement": agreement(z, t).item(), "train": accuracy(own, digits.train.labels[half]).item(),
                     "diverged": int(lost[r])})  # fmt: skip
        answers.append(z)
    z = torch.stack(answers).unsqueeze(1)
    right = z.argmax(-1) == digits.test.labels
    return rows, {"right": right.numpy(), "confidence": z.softmax(-1).amax(-1).half().numpy()}
