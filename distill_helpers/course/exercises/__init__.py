"""Exercises: ``check("07.1", my_function)`` says passed, or names the likely mistake."""

import importlib
import pkgutil

from distill_helpers.checks import InputError, one_of
from distill_helpers.course.exercises.grading import Exercise, Mistake, grade
from distill_helpers.course.exercises.kinds import Experiment, Judgement, Option
from distill_helpers.course.exercises.stubs import Unsolved, hints

__all__ = ["Exercise", "Experiment", "Judgement", "Mistake", "Option", "Unsolved", "all_exercises", "check", "hints", "options"]


def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course by id; each notebook's are in the module nbNN."""
    found = {}
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("nb"):
            for exercise in importlib.import_module(f"{__name__}.{module.name}").EXERCISES:
                found[exercise.id] = exercise
    return dict(sorted(found.items()))


def check(exercise_id, answer) -> None:
    """Grade an answer and print one line. exercise_id: "07.1", or an exercise itself. Raises InputError for one that does not exist."""
    print(grade(_exercise(exercise_id), answer))


def options(exercise_id) -> None:
    """Show the question and the lettered options of a judging exercise. Raises InputError for an exercise that has none."""
    exercise = _exercise(exercise_id)
    if not isinstance(exercise, Judgement):
        raise InputError(f"exercise must be one that judges among options, but {exercise.id} is not.")
    exercise.show()


def _exercise(given):
    if isinstance(given, (Exercise, Judgement, Experiment)):
        return given
    exercises = all_exercises()
    one_of("exercise", given, tuple(exercises))
    return exercises[given]
