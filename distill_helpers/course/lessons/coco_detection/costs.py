"""What each arm's step, the teacher's training and its answers take, each alone on an idle machine."""

import statistics
import time
from dataclasses import replace

from distill_helpers.course.applications.costs import ANSWERS, REPEATS, STEPS, TEACHER
from distill_helpers.course.applications.task import ALL, FIRST, UNLABELLED
from distill_helpers.course.applications.ways import LONGER
from distill_helpers.course.lessons.coco_detection.task import Task, lent_teacher, pool_in, pool_of
from distill_helpers.course.lessons.coco_detection.trials import train
from distill_helpers.course.lessons.coco_detection.ways import PKD, WAYS, arms_in
from distill_helpers.strategies import DetectionLoss
from distill_helpers.training import Teacher, fit
from distill_helpers.training.randomness import build_seeded

FEATURES = tuple(dict.fromkeys(("boxes", "centerness", *WAYS[PKD].build(weight=1.0).teacher_features)))


def costs(task: Task, numbers: dict) -> list[dict]:
    """Rows of seconds: "teacher" its training, "teacher's answers" to every picture of the student's, and for each arm one step.

    Medians of five tries, with the fastest and the slowest; numbers: as for ``in_one_regime``. A step with boxes on every picture is alone's; a
    pseudo-box costs what a box costs, so both read all pictures.
    """
    drawn, guide = task.draw(FIRST), lent_teacher(task, FIRST)
    own, brief = pool_of(drawn.teaches), replace(task.teaching, steps=STEPS)
    mine = pool_in(task, UNLABELLED, drawn)

    def taught():
        return fit(build_seeded(task.teacher, FIRST), own, brief, strategy=DetectionLoss(), seed=FIRST, progress=False).seconds

    def answered():
        begun = time.perf_counter()
        Teacher(guide).over(mine, features=FEATURES, cache=None)
        return time.perf_counter() - begun

    rows = [_row(TEACHER, _tries(taught), STEPS / task.teaching.steps), _row(ANSWERS, _tries(answered), 1)]
    short = replace(task, recipe=replace(task.recipe, steps=STEPS, check_every=STEPS))
    for regime in (ALL, UNLABELLED):
        arms = {arm: (arm, numbers[regime][arm]) for arm in arms_in(regime) if arm != LONGER and arm not in {row["part"] for row in rows}}
        found = train(short, regime, arms, FIRST)
        tries = [found.seconds(STEPS, 1) for _ in range(REPEATS)]
        rows += [_row(arm, [one[arm] for one in tries], STEPS) for arm in arms]
    return rows


def _row(what, tries, each):
    return {"part": what, "replicate": FIRST, "took": statistics.median(tries) / each, "fastest": min(tries) / each, "slowest": max(tries) / each}


def _tries(seconds) -> list[float]:
    """What five calls say that they took; one before them warms up."""
    seconds()
    return [seconds() for _ in range(REPEATS)]
