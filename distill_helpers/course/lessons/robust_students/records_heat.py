"""Recorded: soft targets alone at five temperatures, on all three examinations."""

from distill_helpers.course.lessons.robust_students.records_factorial import TOLERANCE as FACTORIAL
from distill_helpers.course.lessons.robust_students.records_factorial import measured
from distill_helpers.course.lessons.robust_students.records_search import combined, trained

NAME = "robust_students_heat"
DATA = ["mnist5k.npz"]
TOLERANCE = {**FACTORIAL, "stem": 0.5}
SEEDS = tuple(range(8, 16))  # not those of the factorial, which raised the question
SETTINGS = [{"arm": "labels alone", "temperature": 0.0}, *({"arm": "softmax", "temperature": T} for T in (1.0, 2.0, 4.0, 8.0, 16.0))]


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One temperature (0: labels alone), one row a seed; "stem": the norm of the first layer's weights."""
    students = trained(combined(softmax=setting["temperature"] or None), seeds)
    columns = measured(students) | {"stem": students.fleet.params["student"]["stem.weight"].detach().flatten(1).norm(dim=1)}
    return [{"seed": s} | {name: values[i].item() for name, values in columns.items()} for i, s in enumerate(seeds)]
