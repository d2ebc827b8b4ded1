"""What each arm's step, the teacher's training and its answers take, each alone on an idle machine."""

import statistics
import time
from dataclasses import replace

from distill_helpers.course.applications.task import ALL, FIRST, UNLABELLED, Application, lent_teacher
from distill_helpers.course.applications.trials import train
from distill_helpers.course.applications.ways import LONGER, SELF
from distill_helpers.training import Teacher, fit
from distill_helpers.training.randomness import build_seeded

STEPS, REPEATS = 50, 5
TEACHER, ANSWERS = "teacher", "teacher's answers"


def costs(app: Application, numbers: dict) -> list[dict]:
    """Rows of seconds: "teacher" its training, "teacher's answers" to every view of the student's examples, and for each arm one step.

    Medians of five tries, with the fastest and the slowest; numbers: as for ``in_one_regime``.
    """
    drawn, guide = app.draw(FIRST), lent_teacher(app, FIRST)
    short = replace(app, recipe=replace(app.recipe, steps=STEPS))
    arms = {}
    for arm in app.ways:
        regime = UNLABELLED if arm in app.arms(UNLABELLED) else ALL
        if arm not in (LONGER, SELF):  # one step of theirs is one of alone, and one of pseudo-labels
            arms[arm] = arm, numbers[regime][arm]
    rows = []

    def row(what, tries, each):
        rows.append({"what": what, "replicate": FIRST, "took": statistics.median(tries) / each, "fastest": min(tries) / each,
                     "slowest": max(tries) / each})  # fmt: skip

    own, brief = drawn.pool.subset(drawn.teaches), replace(app.teaching, steps=STEPS)
    row(TEACHER, _tries(lambda: fit(build_seeded(app.teacher, FIRST), own, brief, seed=FIRST, progress=False)), STEPS / app.teaching.steps)
    mine = drawn.pool.subset(drawn.mine)
    row(ANSWERS, _tries(lambda: Teacher(guide).over(mine, cache=None)), 1)
    found = train(short, UNLABELLED, arms, FIRST, drawn.validation)
    tries = [found.seconds(STEPS, 1) for _ in range(REPEATS)]
    for arm in found.arms:
        row(arm, [one[arm] for one in tries], STEPS)
    return rows


def _tries(function) -> list[float]:
    """Seconds of five calls; one before them warms up."""
    function()
    seconds = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begun)
    return seconds
