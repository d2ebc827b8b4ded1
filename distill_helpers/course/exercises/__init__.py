"""Exercises: ``check("07.1", my_function)`` says passed, or names the likely mistake."""

import importlib
import pkgutil

from distill_helpers.checks import one_of
from distill_helpers.course.exercises.grading import Exercise, Mistake, grade

__all__ = ["Exercise", "Mistake", "all_exercises", "check"]


def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course by id; each notebook's are in the module nbNN."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("nb"):
            for exercise in importlib.import_module(f"{__name__}.{module.name}").EXERCISES:
                found[exercise.id] = exercise
    return dict(sorted(found.items()))


def check(exercise_id: str, answer) -> None:
    """Grade an answer and print one line. Raises InputError for an exercise that does not exist."""
    exercises = all_exercises()
    one_of("exercise", exercise_id, tuple(exercises))
    print(grade(exercises[exercise_id], answer))
