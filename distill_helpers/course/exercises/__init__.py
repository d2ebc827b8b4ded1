"""Exercises: ``check("07.1", my_function)`` says passed, or names the likely mistake."""

import importlib
import importlib.util
from dataclasses import replace

from distill_helpers.checks import one_of
from distill_helpers.course.catalogue import LESSONS
from distill_helpers.course.exercises.grading import Exercise, Mistake, grade

__all__ = ["Exercise", "Mistake", "all_exercises", "check"]


def all_exercises() -> dict[str, Exercise]:
    """Every exercise of the course by id, the number of its notebook before its own; each lesson's are in course/lessons/."""
    found = {}
    for lesson in LESSONS:
        room = f"distill_helpers.course.lessons.{lesson.name}"
        if importlib.util.find_spec(room) and importlib.util.find_spec(f"{room}.exercises"):
            for exercise in importlib.import_module(f"{room}.exercises").EXERCISES:
                found[f"{lesson.number}.{exercise.id}"] = replace(exercise, id=f"{lesson.number}.{exercise.id}")
    return found


def check(exercise_id: str, answer) -> None:
    """Grade an answer and print one line. Raises InputError for an exercise that does not exist."""
    exercises = all_exercises()
    one_of("exercise", exercise_id, tuple(exercises))
    print(grade(exercises[exercise_id], answer))
