"""The lesson's setting: half of the labelled digits teaches, the other half is the student's, drawn anew in each replicate."""

from dataclasses import replace
from functools import lru_cache

from distill_helpers.course.teachers import SHIFT, TEACHER, VIEWS
from distill_helpers.data import load_digits_cut, make_views
from distill_helpers.models import digits_teacher
from distill_helpers.training import Teacher, fit
from distill_helpers.training.cache import cache_folder, read_table, write_table
from distill_helpers.training.randomness import build_seeded
from distill_helpers.training.replicates import Replicate, draw_replicates

HALF = 1250  # digits that teach; as many are the student's
LABELS = (50, 200, 500, 1250)  # how many of the student's digits have their label
FEW, ALL = 200, 1250  # the two regimes of the register
REPLICATES = 12
FIRST, FIRST_SEARCHED = 0, 100  # the first seed of the replicates that are measured, and of the two that settings are chosen on


@lru_cache(maxsize=1)
def pool():
    """32 views of the 2,500 digits to learn from, with a label (-100) that says nothing."""
    return make_views(replace(load_digits_cut().train, ignore_index=-100), VIEWS, SHIFT)


@lru_cache(maxsize=None)
def replicates(labels: int, seen: str, count: int = REPLICATES, first: int = FIRST) -> list[Replicate]:
    """The draws: 1,250 digits for the teacher, 1,250 for the student, of which ``labels`` have their label.

    seen: "all" of the student's images, the others without a label, or those with a "labelled" image only. One seed draws the same halves and
    the same labelled digits in both.
    """
    return draw_replicates(pool(), count, labelled=labels, unlabelled="keep" if seen == "all" else "drop", teacher_examples=HALF, first_seed=first)


@lru_cache(maxsize=None)
def teacher(seed: int) -> Teacher:
    """The teacher of one replicate: 5.94 million parameters, trained on its half alone, with its answers to the student's half.

    Kept in the folder that DISTILL_CACHE names, if any.
    """
    (drawn,) = replicates(ALL, "all", 1, seed)
    module, own = build_seeded(digits_teacher, seed), pool().subset(drawn.teacher_rows)
    folder = cache_folder("auto")
    path = None if folder is None else folder / f"half-{Teacher(module).fingerprint[:16]}-{own.fingerprint[:16]}-{TEACHER.steps}.safetensors"
    kept = read_table(path) if path else None
    if kept is None:
        fit(module, own, TEACHER, seed=seed, progress=False)
        if path:
            write_table(path, dict(module.state_dict()))
    else:
        module.load_state_dict(kept)
    return Teacher(module).over(pool().subset(drawn.rows))


def teachers(count: int = REPLICATES, first: int = FIRST) -> list[Teacher]:
    """The teachers of so many replicates."""
    return [teacher(first + r) for r in range(count)]
