"""Recorded: temperature × weight on the validation digits, in the two regimes with labels, all students in one stack."""

from distill_helpers.course.lessons.soft_targets.records_regimes import DATA as DATA
from distill_helpers.course.lessons.soft_targets.records_regimes import FEW, pool_and_teacher
from distill_helpers.data import load_digits
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models import digits_student
from distill_helpers.strategies import Grid, SoftTargets
from distill_helpers.training import distill

NAME = "soft_targets_grid"
TOLERANCE = {"accuracy": 0.03}
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
SEEDS = tuple(range(5))
SETTINGS = [{"regime": regime, "temperature": t} for regime in ("200 labels", "all labels") for t in TEMPERATURES]


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """All weights at one temperature: validation accuracy, one row a weight and seed."""
    pool, teacher = pool_and_teacher(setting["regime"])
    cells = [SoftTargets(setting["temperature"], weight) for weight in WEIGHTS]
    trained = distill(digits_student, teacher, pool, Grid(cells), seeds=seeds, recipe=FEW)
    held_out = load_digits().validation
    values = accuracy(trained.predict(held_out), held_out.labels).view(len(cells), len(seeds))
    return [{"weight": w, "seed": s, "accuracy": values[i, j].item()} for i, w in enumerate(WEIGHTS) for j, s in enumerate(seeds)]
