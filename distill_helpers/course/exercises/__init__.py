"""Exercises: ``check("07.1", my_function)`` says passed, or names the likely mistake."""

import importlib
import importlib.util
from dataclasses import replace

from distill_helpers.checks import InputError, one_of
from distill_helpers.course.catalogue import LESSONS
from distill_helpers.course.exercises.grading import Exercise, Mistake, grade
from distill_helpers.course.exercises.kinds import Experiment, Judgement, Option
from distill_helpers.course.exercises.stubs import Unsolved, hints

__all__ = ["Exercise", "Experiment", "Judgement", "Mistake", "Option", "Unsolved", "all_exercises", "check", "hints", "options"]


def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course by id, the number of its notebook before its own; each lesson's are in course/lessons/."""
    found = {}
    for lesson in LESSONS:
        room = f"distill_helpers.course.lessons.{lesson.name}"
        if importlib.util.find_spec(room) and importlib.util.find_spec(f"{room}.exercises"):
            for exercise in importlib.import_module(f"{room}.exercises").EXERCISES:
                found[f"{lesson.number}.{exercise.id}"] = replace(exercise, id=f"{lesson.number}.{exercise.id}")
    return found


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
