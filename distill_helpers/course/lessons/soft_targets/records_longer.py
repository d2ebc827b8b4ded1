"""Recorded: what a reviewer missed. Soft targets for twice the steps; a teacher beside its own labels; rivals at the settings of shorter arms."""

from dataclasses import replace

import torch

from distill_helpers.comparison import Arm, compare
from distill_helpers.course.lessons.soft_targets.arms import RECIPE, STEPS
from distill_helpers.course.lessons.soft_targets.choosing import DECIDED, ranked, searched
from distill_helpers.course.lessons.soft_targets.halves import ALL, FEW, FIRST, FIRST_SEARCHED, REPLICATES, pool, replicates, teachers
from distill_helpers.course.lessons.soft_targets.records_controls import _both
from distill_helpers.course.lessons.soft_targets.records_pooled import _about_both, _pooled
from distill_helpers.course.lessons.soft_targets.records_search import stages
from distill_helpers.course.lessons.soft_targets.tuned import BESIDE_LABELS, BOTH_HALVES, TUNED, TWICE
from distill_helpers.data import load_digits_cut
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models import digits_student
from distill_helpers.strategies import HardLabels, LabelSmoothing, SoftTargets

NAME = "soft_targets_longer"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03, "train": 0.03}
SOFT_TWICE, ALONE_TWICE = "soft targets, twice as long", "alone, twice as long, with its gap"
BESIDE, BESIDE_TWICE, BOTH_TWICE = ("soft targets beside the teacher's labels", "soft targets beside the teacher's labels, twice as long",
                                    "alone, the teacher's labels too, twice as long")  # fmt: skip
SMOOTHED_TWICE = "label smoothing, twice as long"
ONLY_AS_BEFORE = "answers only, longer, at the settings of k steps"
SETTINGS = [{"arm": SOFT_TWICE, "labels": ALL}, {"arm": ALONE_TWICE, "labels": ALL} | TWICE[ALL],
            {"arm": BESIDE, "labels": ALL} | BESIDE_LABELS[ALL],
            {"arm": BESIDE_TWICE, "labels": ALL} | BESIDE_LABELS[ALL], {"arm": BOTH_TWICE, "labels": ALL} | BOTH_HALVES[ALL]]  # fmt: skip
SETTINGS += [{"arm": SMOOTHED_TWICE, "labels": ALL} | TUNED[ALL]["label smoothing"]]
SETTINGS += [{"arm": ONLY_AS_BEFORE, "labels": labels} | TUNED[labels]["answers only"] for labels in (FEW, ALL)]
NUMBERS = ("temperature", "weight", "smoothing", "lr", "weight_decay")


def with_teacher(tried: list[dict]) -> dict:
    """The best setting whose weight is not 0: an arm without a teacher is not distilled."""
    return next(cell for cell in ranked(tried, DECIDED) if cell["weight"] > 0)


def run(setting: dict):
    """The rows of a search where there is one (part "search", on validation), and one row a replicate on the 2,000 test digits (part "read").

    Soft targets are read at the best setting that has a teacher. train: accuracy on the student's own labelled digits, as they are, not moved.
    outcomes: right, bool, [replicate, 1, test digit].
    """
    arm, labels, digits = setting["arm"], setting["labels"], load_digits_cut()
    rows, chosen = [], {name: setting[name] for name in NUMBERS if name in setting}
    if arm == SOFT_TWICE:

        def score(cells, begin, count):
            return _trained(arm, labels, cells, count, FIRST_SEARCHED + begin, digits.validation).scores["accuracy"]

        tried = searched(stages("soft targets, all images"), score)
        chosen = with_teacher(tried)
        rows = [row | {"part": "search", "replicate": FIRST_SEARCHED + row["replicate"], "train": "", "diverged": 0} for row in tried]
    found = _trained(arm, labels, [chosen], REPLICATES, FIRST, digits.test)
    for r, own in enumerate(replicates(labels, "labelled")):
        with torch.no_grad():
            train = accuracy(found.model("0", r)(digits.train.subset(own.rows).x), digits.train.labels[own.rows]).item()
        rows.append(chosen | {"part": "read", "replicate": FIRST + r, "accuracy": round(found.scores["accuracy"][r, 0].item(), 6),
                              "train": round(train, 6), "diverged": int(found.diverged[r, 0])})  # fmt: skip
    return rows, {"right": found.outcomes.numpy()}


def _trained(arm, labels, cells, count, first, test):
    drawn, asked, steps = replicates(labels, "all", count, first), None, 2 * STEPS
    if arm in (BESIDE, BESIDE_TWICE):
        drawn, asked, steps = _pooled(labels, count, first), _about_both(labels, count, first), STEPS if arm == BESIDE else 2 * STEPS
    elif arm == BOTH_TWICE:
        drawn = _both(labels, count, first)
    elif arm in (ALONE_TWICE, SMOOTHED_TWICE):
        drawn = replicates(labels, "labelled", count, first)
    else:
        asked, steps = teachers(count, first), 2 * STEPS if arm == SOFT_TWICE else STEPS + STEPS // 2
    made = {}
    for i, cell in enumerate(cells):
        strategy = SoftTargets(cell["temperature"], cell["weight"]) if asked else HardLabels()
        strategy = LabelSmoothing(cell["smoothing"]) if arm == SMOOTHED_TWICE else strategy
        made[str(i)] = Arm(strategy, lr=cell["lr"], weight_decay=cell["weight_decay"])
    return compare(digits_student, asked, pool(), made, test=test, replicates=drawn, recipe=replace(RECIPE, steps=steps), progress=False)
