"""Recorded: arms of twice the steps that have the teacher's labels, and label smoothing, each with a search at its own length."""

from dataclasses import replace

from distill_helpers.comparison import Arm, compare
from distill_helpers.course.lessons.soft_targets.arms import RECIPE, STEPS
from distill_helpers.course.lessons.soft_targets.choosing import best, searched
from distill_helpers.course.lessons.soft_targets.halves import ALL, FIRST, FIRST_SEARCHED, REPLICATES, pool, replicates
from distill_helpers.course.lessons.soft_targets.records_controls import _both
from distill_helpers.course.lessons.soft_targets.records_longer import with_teacher
from distill_helpers.course.lessons.soft_targets.records_pooled import _about_both, _pooled
from distill_helpers.course.lessons.soft_targets.records_search import stages
from distill_helpers.data import load_digits_cut
from distill_helpers.models import digits_student
from distill_helpers.strategies import HardLabels, LabelSmoothing, SoftTargets

NAME = "soft_targets_twice"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03}
BESIDE, BOTH, SMOOTHED = (f"{arm}, twice as long, searched at that length" for arm in (
    "soft targets beside the teacher's labels", "alone, the teacher's labels too", "label smoothing"))  # fmt: skip
# each chooses among the settings of the arm that it is a form of
CHOOSES = {BESIDE: "soft targets, all images", BOTH: "alone", SMOOTHED: "label smoothing"}
SETTINGS = [{"arm": arm, "labels": ALL} for arm in CHOOSES]


def run(setting: dict):
    """The rows of a search (part "search", on validation), and one row a replicate on the 2,000 test digits (part "read").

    Soft targets are read at the best setting that has a teacher. outcomes: right, bool, [replicate, 1, test digit].
    """
    arm, labels, digits = setting["arm"], setting["labels"], load_digits_cut()

    def score(cells, begin, count):
        return _trained(arm, labels, cells, count, FIRST_SEARCHED + begin, digits.validation).scores["accuracy"]

    tried = searched(stages(CHOOSES[arm]), score)
    rows = [row | {"part": "search", "replicate": FIRST_SEARCHED + row["replicate"], "diverged": 0} for row in tried]
    chosen = with_teacher(tried) if arm == BESIDE else best(tried)
    found = _trained(arm, labels, [chosen], REPLICATES, FIRST, digits.test)
    rows += [chosen | {"part": "read", "replicate": FIRST + r, "accuracy": round(found.scores["accuracy"][r, 0].item(), 6),
                       "diverged": int(found.diverged[r, 0])} for r in range(REPLICATES)]  # fmt: skip
    return rows, {"right": found.outcomes.numpy()}


def _trained(arm, labels, cells, count, first, test):
    asked = None
    if arm == BESIDE:
        drawn, asked = _pooled(labels, count, first), _about_both(labels, count, first)
    else:
        drawn = _both(labels, count, first) if arm == BOTH else replicates(labels, "labelled", count, first)
    made = {}
    for i, cell in enumerate(cells):
        strategy = SoftTargets(cell["temperature"], cell["weight"]) if arm == BESIDE else HardLabels()
        strategy = LabelSmoothing(cell["smoothing"]) if arm == SMOOTHED else strategy
        made[str(i)] = Arm(strategy, lr=cell["lr"], weight_decay=cell["weight_decay"])
    return compare(digits_student, asked, pool(), made, test=test, replicates=drawn, recipe=replace(RECIPE, steps=2 * STEPS),
                   progress=False)  # fmt: skip
