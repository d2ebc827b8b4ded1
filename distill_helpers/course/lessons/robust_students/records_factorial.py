"""Recorded: Dropout, Mixup, Softmax and Marginal Loss in all sixteen combinations, and the article's alternatives."""

from functools import lru_cache
from itertools import product

import torch

from distill_helpers.course.lessons.robust_students.records_search import METHODS, combined, trained
from distill_helpers.data import load_digits
from distill_helpers.data.corruptions import KINDS, SEVERITIES, all_corruptions
from distill_helpers.measure.calibration import accuracy, ece, nll
from distill_helpers.measure.robustness import Stacked, pgd
from distill_helpers.strategies import DropoutDistillation

NAME = "robust_students_factorial"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03, "nll": 0.1, "ece": 0.03, "noise": 0.05, "blur": 0.05, "shift": 0.05, "contrast": 0.05, "occlusion": 0.05,
             "corrupted": 0.03, "pgd 0.02": 0.05, "pgd 0.05": 0.05}  # fmt: skip
VOLATILE = ("training_s", "teacher_evaluations")
SEEDS = tuple(range(8))
ATTACKED, EPSILONS, STEPS = 400, (0.02, 0.05), 20
# the settings that 11_search found best on the validation digits
CHOSEN = {"dropout": (0.2, 0.2), "mixup": 0.1, "softmax": 8.0, "marginal": 0.3, "label smoothing": 0.05, "shuffled in class": 2.0,
          "noisy teacher": 0.6, "function matching": 2.0, "additive margin": 0.5}  # fmt: skip
FACTORS = ("dropout", "mixup", "softmax", "marginal")
NONE = "labels alone"
ON = [tuple(f for f, on in zip(FACTORS, row, strict=True) if on) for row in product((0, 1), repeat=4)]
COMBINATIONS = {" + ".join(on) or NONE: on for on in ON}
ALONE = [NONE, *FACTORS, " + ".join(FACTORS)]
ALTERNATIVES = {name: METHODS[name][0](value) for name, value in CHOSEN.items() if name not in FACTORS}
ALTERNATIVES["dropout distillation"] = DropoutDistillation()
ARMS = {"200 labels": [*COMBINATIONS, *ALTERNATIVES], "all labels": ALONE}
SETTINGS = [{"regime": regime, "arm": arm} for regime, arms in ARMS.items() for arm in arms]


def strategy(arm: str):
    """The strategy of a combination or of an alternative."""
    if arm in ALTERNATIVES:
        return ALTERNATIVES[arm]
    return combined(**{factor: CHOSEN[factor] for factor in COMBINATIONS[arm]})


@lru_cache(maxsize=1)
def spoilt():
    """The test digits under each of the fifteen corruptions."""
    return all_corruptions(load_digits().test.x)


def under_attack(run, eps: float):
    """Share of the first test digits that stay right under two attacks, one on the cross-entropy and one on the margin; [students]."""
    test = load_digits().test
    x, y = test.x[:ATTACKED], test.labels[:ATTACKED]
    stays = torch.ones(len(run), ATTACKED, dtype=torch.bool)
    for loss in ("cross-entropy", "margin"):
        attacked = pgd(run, x, y, eps, STEPS, loss=loss)
        with torch.no_grad():
            stays &= Stacked(run)(attacked).argmax(-1) == y
    return stays.float().mean(-1)


def measured(run) -> dict:
    """{column: [students]}: test accuracy, under corruptions (each kind and their mean) and attacks, NLL and ECE."""
    test = load_digits().test
    logits = run.predict(test)
    columns = {"accuracy": accuracy(logits, test.labels), "nll": nll(logits, test.labels), "ece": ece(logits, test.labels)}
    right = {key: accuracy(run.predict(x), test.labels) for key, x in spoilt().items()}
    columns |= {kind: torch.stack([right[kind, s] for s in SEVERITIES]).mean(0) for kind in KINDS}
    columns["corrupted"] = torch.stack(list(right.values())).mean(0)
    return columns | {f"pgd {eps}": under_attack(run, eps) for eps in EPSILONS}


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One arm of one regime, one row a seed."""
    students = trained(strategy(setting["arm"]), seeds, setting["regime"])
    columns = measured(students)
    cost = {"training_s": students.seconds / len(seeds), "teacher_evaluations": students.teacher_evaluations // len(seeds)}
    return [{"seed": s} | {name: values[i].item() for name, values in columns.items()} | cost for i, s in enumerate(seeds)]
