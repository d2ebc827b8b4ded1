"""Every exercise: the stub fails, the solution passes, and each listed mistake gets its own message."""

import re

import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.course import sync
from distill_helpers.course.exercises import all_exercises, check
from distill_helpers.course.exercises.grading import Exercise, Mistake, grade, same
from distill_helpers.course.paths import repository

EXERCISES = all_exercises()
each = pytest.mark.parametrize("exercise", EXERCISES.values(), ids=EXERCISES)


def notebook_cells(number):
    (source,) = sync.sources([number])
    return [c for c in sync.from_source(source).cells if c.cell_type == "code"]


def stub(exercise):
    marked = [c for c in notebook_cells(exercise.id[:2]) if f"exercise {exercise.id}" in c.source]
    assert len(marked) == 1
    return marked[0]


def solution(exercise):
    (path,) = (repository() / "notebooks" / "solutions").glob(f"{exercise.id[:2]}_*.md")
    found = re.search(rf"<details><summary>{exercise.id} .*?```python\n(.*?)```", path.read_text(encoding="utf-8"), re.S)
    assert found, f"no solution for {exercise.id}"
    return found.group(1)


def named(code, name):
    space = {"torch": torch}
    exec(code, space)
    return space[name]


@each
def test_the_reference_passes(exercise):
    assert grade(exercise, exercise.reference).startswith(f"{exercise.id} passed")


@each
def test_each_mistake_gets_its_own_message(exercise):
    assert len({m.message for m in exercise.mistakes}) == len(exercise.mistakes) >= 2
    for mistake in exercise.mistakes:
        assert grade(exercise, mistake.wrong) == f"{exercise.id}: not yet. {mistake.message}"


@each
def test_the_stub_fails_and_the_solution_passes(exercise, capsys):
    cell = stub(exercise)
    assert "raises-exception" in cell.metadata["tags"]
    name = re.search(r"def (\w+)\(", cell.source).group(1)
    with pytest.raises(NotImplementedError):
        exec(cell.source, {"torch": torch})
    definition = cell.source.split("\n\n")[0]
    assert "not solved yet" in grade(exercise, named(definition, name))
    assert grade(exercise, named(solution(exercise), name)).startswith(f"{exercise.id} passed")
    assert any(f'dh.check("{exercise.id}", {name})' in c.source for c in notebook_cells(exercise.id[:2]))


@each
def test_a_solution_works_where_the_stub_is_called(exercise):
    """The call under the stub must run once the reader has solved it."""
    cell, code = stub(exercise), solution(exercise)
    exec(code + cell.source.split("\n\n", 1)[1], {"torch": torch})


def test_a_wrong_answer_is_shown_with_what_was_expected():
    exercise = Exercise("99.1", "Add.", lambda a, b: a + b, ((1, 2), (2, 2)), (Mistake(lambda a, b: a - b, "You subtract."),))
    assert grade(exercise, lambda a, b: a * b) == "99.1: not yet. For (1, 2) your answer is 2, expected 3."
    assert grade(exercise, lambda a, b: a / 0) == "99.1: your function raised ZeroDivisionError: division by zero"
    assert grade(exercise, lambda a, b: None).endswith("your answer is None, expected 3.")


def test_answers_of_another_kind_or_shape_are_wrong():
    assert not same("x", torch.ones(2), 1e-4) and not same(torch.ones(3), torch.ones(2), 1e-4)
    assert same([1.0, 2.0], torch.tensor([1.0, 2.0]), 1e-4) and same(2, 2.0, 1e-4) and not same(True, 1, 1e-4)


def test_an_unknown_exercise_is_said():
    with pytest.raises(InputError, match="exercise must be one of '01.1'"):
        check("99.9", print)
