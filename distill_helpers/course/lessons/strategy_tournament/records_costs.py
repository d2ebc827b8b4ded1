"""Recorded: how many inputs the teacher answers for one student of each entry, counted with a teacher of its own."""

from dataclasses import replace

from distill_helpers.course.entries import ENTRIES
from distill_helpers.course.few_labels import BUDGETS, few_views, teacher
from distill_helpers.strategies import Stages
from distill_helpers.training import Teacher, distill

NAME = "strategy_tournament_costs"
DATA = ["mnist5k.npz"]
SETTINGS = [{"entry": name} for name, entry in ENTRIES.items() if entry.teacher]


def run(setting: dict) -> list[dict]:
    """One row: inputs answered to fill the table of views, in each step, and in the entry's whole budget.

    Counted in runs of one and of three steps; what a step costs does not change while training goes on.
    """
    entry = ENTRIES[setting["entry"]]
    steps = BUDGETS[entry.division].steps
    short, longer = (asked(entry, count) for count in (1, 3))
    each = (longer - short) // 2
    return [{"seed": 0, "table": short - each, "each_step": each, "evaluations": short + (steps - 1) * each}]


def asked(entry, steps: int) -> int:
    """Teacher evaluations of one student in ``steps`` steps, of each stage where there are several."""
    made = entry.make(**entry.choices[-1])
    if isinstance(made, Stages):
        made = Stages(*((part, steps) for part, _ in made.stages))
    fresh = Teacher(teacher(entry.teacher).module).over(few_views())
    recipe = replace(BUDGETS[entry.division], steps=steps)
    return distill(entry.build, fresh, few_views(), made, recipe=recipe, progress=False).teacher_evaluations
