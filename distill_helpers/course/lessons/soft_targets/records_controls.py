"""Recorded: doubts about the student alone. Its next best settings; the weight decay that soft targets have; the teacher's labels as well."""

from dataclasses import replace

import torch

from distill_helpers.comparison import Arm, compare
from distill_helpers.course.lessons.soft_targets.arms import RECIPE
from distill_helpers.course.lessons.soft_targets.choosing import best, searched
from distill_helpers.course.lessons.soft_targets.halves import ALL, FEW, FIRST, FIRST_SEARCHED, REPLICATES, pool, replicates
from distill_helpers.course.lessons.soft_targets.records_search import stages
from distill_helpers.course.lessons.soft_targets.tuned import NEXT_BEST, SAME_DECAY
from distill_helpers.data import load_digits_cut
from distill_helpers.models import digits_student
from distill_helpers.strategies import HardLabels

NAME = "soft_targets_controls"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03}
NEXT, BOTH, DECAY = "alone, next best setting", "alone, the teacher's labels too", "alone, the weight decay of soft targets"
SETTINGS = [{"arm": NEXT, "labels": labels} | numbers for labels in (FEW, ALL) for numbers in NEXT_BEST[labels]]
SETTINGS += [{"arm": DECAY, "labels": labels} | SAME_DECAY[labels] for labels in (FEW, ALL)]
SETTINGS += [{"arm": BOTH, "labels": labels} for labels in (FEW, ALL)]


def run(setting: dict):
    """One row a replicate on the 2,000 test digits (part "read"), before it those of a search where there is one (part "search", on validation).

    With the teacher's labels too, the student learns from the labelled digits of both halves, over the settings that alone may choose from.
    outcomes: right, bool, and the confidence in the first choice, [replicate, 1, test digit].
    """
    digits, rows = load_digits_cut(), []
    if setting["arm"] != BOTH:
        chosen = {name: setting[name] for name in ("lr", "weight_decay")}
        drawn = replicates(setting["labels"], "labelled")
    else:

        def score(cells, begin, count):
            return _trained(cells, _both(setting["labels"], count, FIRST_SEARCHED + begin), digits.validation).scores["accuracy"]

        tried = searched(stages("alone"), score)
        rows = [row | {"part": "search", "replicate": FIRST_SEARCHED + row["replicate"], "diverged": 0} for row in tried]
        chosen, drawn = best(tried), _both(setting["labels"], REPLICATES, FIRST)
    found = _trained([chosen], drawn, digits.test)
    rows += [chosen | {"part": "read", "replicate": FIRST + r, "accuracy": round(found.scores["accuracy"][r, 0].item(), 6),
                       "diverged": int(found.diverged[r, 0])} for r in range(REPLICATES)]  # fmt: skip
    with torch.no_grad():
        sure = torch.stack([found.model("0", r)(digits.test.x).softmax(-1).amax(-1) for r in range(REPLICATES)])
    return rows, {"right": found.outcomes.numpy(), "confidence": sure.unsqueeze(1).half().numpy()}


def _both(labels: int, count: int, first: int):
    """Replicates whose rows are the student's labelled digits and all of the teacher's."""
    return [replace(r, rows=torch.cat([r.rows, r.teacher_rows])) for r in replicates(labels, "labelled", count, first)]


def _trained(cells, drawn, test):
    arms = {str(i): Arm(HardLabels(), **cell) for i, cell in enumerate(cells)}
    return compare(digits_student, None, pool(), arms, test=test, replicates=drawn, recipe=RECIPE, progress=False)
