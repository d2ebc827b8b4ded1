"""Recorded: what a teacher adds for a student that has the teacher's labels as well; and the longer arms, each with a search of its own."""

from dataclasses import replace
from functools import lru_cache

import torch

from distill_helpers.comparison import Arm, compare
from distill_helpers.course.lessons.soft_targets.arms import MORE, RECIPE, STEPS
from distill_helpers.course.lessons.soft_targets.choosing import best, searched
from distill_helpers.course.lessons.soft_targets.halves import ALL, FEW, FIRST, FIRST_SEARCHED, REPLICATES, pool, replicates, teachers
from distill_helpers.course.lessons.soft_targets.records_search import stages
from distill_helpers.data import load_digits_cut
from distill_helpers.models import digits_student
from distill_helpers.strategies import HardLabels, SoftTargets
from distill_helpers.training import Teacher

NAME = "soft_targets_pooled"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03}
POOLED = "soft targets, the teacher's labels too"
ALONE_LONGER, SOFT_LONGER, ONLY_LONGER = "alone, twice as long", "distil longer", "answers only, longer"
LONGER = {ALONE_LONGER: 2 * STEPS, SOFT_LONGER: STEPS + MORE, ONLY_LONGER: STEPS + MORE}
# each arm chooses among the settings of the arm that it is a form of
CHOOSES = {POOLED: "soft targets, all images", ALONE_LONGER: "alone", SOFT_LONGER: "soft targets, all images", ONLY_LONGER: "answers only"}
SETTINGS = [{"arm": arm, "labels": labels} for labels in (FEW, ALL) for arm in CHOOSES]


def run(setting: dict):
    """The rows of a search (part "search", on validation), and one row a replicate on the 2,000 test digits (part "read").

    With the teacher's labels too, the student has the images of both halves, the labels of the teacher's half, those of its own that are known,
    and the teacher's answers to all of them. outcomes: right, bool, and the confidence in the first choice, [replicate, 1, test digit].
    """
    arm, labels, digits = setting["arm"], setting["labels"], load_digits_cut()

    def score(cells, begin, count):
        return _trained(arm, labels, cells, count, FIRST_SEARCHED + begin, digits.validation).scores["accuracy"]

    tried = searched(stages(CHOOSES[arm]), score)
    rows = [row | {"part": "search", "replicate": FIRST_SEARCHED + row["replicate"], "diverged": 0} for row in tried]
    chosen = best(tried)
    found = _trained(arm, labels, [chosen], REPLICATES, FIRST, digits.test)
    rows += [chosen | {"part": "read", "replicate": FIRST + r, "accuracy": round(found.scores["accuracy"][r, 0].item(), 6),
                       "diverged": int(found.diverged[r, 0])} for r in range(REPLICATES)]  # fmt: skip
    with torch.no_grad():
        sure = torch.stack([found.model("0", r)(digits.test.x).softmax(-1).amax(-1) for r in range(REPLICATES)])
    return rows, {"right": found.outcomes.numpy(), "confidence": sure.unsqueeze(1).half().numpy()}


def _trained(arm, labels, cells, count, first, test):
    alone = arm == ALONE_LONGER
    drawn = _pooled(labels, count, first) if arm == POOLED else replicates(labels, "labelled" if alone else "all", count, first)
    asked = None if alone else _about_both(labels, count, first) if arm == POOLED else teachers(count, first)
    made = {
        str(i): Arm(
            HardLabels() if alone else SoftTargets(cell["temperature"], cell["weight"]), lr=cell["lr"], weight_decay=cell["weight_decay"]
        )
        for i, cell in enumerate(cells)
    }
    return compare(digits_student, asked, pool(), made, test=test, replicates=drawn, recipe=replace(RECIPE, steps=LONGER.get(arm, STEPS)),
                   progress=False)  # fmt: skip


def _pooled(labels: int, count: int, first: int):
    """Replicates whose rows are all of the student's digits and all of the teacher's; of the student's so many have their label."""
    return [
        replace(r, rows=torch.cat([r.rows, r.teacher_rows]), labelled=torch.cat([r.labelled, torch.ones(len(r.teacher_rows), dtype=torch.bool)]))
        for r in replicates(labels, "all", count, first)
    ]


@lru_cache(maxsize=1)
def _about_both(labels: int, count: int, first: int) -> list[Teacher]:
    """The replicates' teachers, asked about the images of both halves."""
    drawn = _pooled(labels, count, first)
    return [Teacher(t.module).over(pool().subset(r.rows)) for t, r in zip(teachers(count, first), drawn, strict=True)]
