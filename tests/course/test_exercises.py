"""Every exercise: the stub fails, the solution passes, and each listed mistake gets its own message."""

import re

import numpy as np
import pytest
import torch

import distill_helpers
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
    space = {"torch": torch, "dh": distill_helpers}
    exec(code, space)
    return space[name]


@each
def test_the_reference_passes(exercise):
    for seed in range(5):
        assert grade(exercise, exercise.reference, seed).startswith(f"{exercise.id} passed")


@each
def test_each_mistake_gets_its_own_message(exercise):
    assert len({m.message for m in exercise.mistakes}) == len(exercise.mistakes) >= 2
    for mistake in exercise.mistakes:
        for seed in range(5):
            assert grade(exercise, mistake.wrong, seed) == f"{exercise.id}: not yet. {mistake.message}"


@each
def test_the_stub_fails_and_the_solution_passes(exercise, capsys):
    cell = stub(exercise)
    assert "raises-exception" in cell.metadata["tags"]
    name = re.search(r"def (\w+)\(", cell.source).group(1)
    with pytest.raises(NotImplementedError):
        exec(cell.source, {"torch": torch, "dh": distill_helpers})
    definition = cell.source.split("\n\n")[0]
    assert "not solved yet" in grade(exercise, named(definition, name))
    assert grade(exercise, named(solution(exercise), name)).startswith(f"{exercise.id} passed")
    assert any(f'dh.check("{exercise.id}", {name})' in c.source for c in notebook_cells(exercise.id[:2]))


@each
def test_a_solution_works_where_the_stub_is_called(exercise):
    """The call under the stub must run once the reader has solved it."""
    cell, code = stub(exercise), solution(exercise)
    exec(code + cell.source.split("\n\n", 1)[1], {"torch": torch, "dh": distill_helpers})


def test_a_wrong_answer_is_shown_with_what_was_expected():
    exercise = Exercise("99.1", "Add.", lambda a, b: a + b, ((1, 2), (2, 2)), (Mistake(lambda a, b: a - b, "You subtract."),))
    assert grade(exercise, lambda a, b: a * b) == "99.1: not yet. For (1, 2) your answer is 2, expected 3."
    assert grade(exercise, lambda a, b: a / 0) == "99.1: your function raised ZeroDivisionError: division by zero"
    assert grade(exercise, lambda a, b: None).endswith("your answer is None, expected 3.")


def test_answers_of_another_kind_or_shape_are_wrong():
    assert not same("x", torch.ones(2), 1e-4) and not same(torch.ones(3), torch.ones(2), 1e-4)
    assert same([1.0, 2.0], torch.tensor([1.0, 2.0]), 1e-4) and same(2, 2.0, 1e-4) and not same(True, 1, 1e-4)
    assert not same(torch.tensor([True, False]), torch.tensor([1.0, 0.0]), 1e-4) and not same(1 + 2j, 1.0, 1e-4)
    assert not same(8.5, 8, 1e-1) and not same([1, 2, 3], [1, 2], 1e-4) and not same(torch.ones(1, 2), torch.ones(2), 1e-4)
    assert not same(float("nan"), 1.0, 1e-4) and not same(None, 0, 1e-4) and not same("8", 8, 1e-4)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (np.int64(8), 8), (np.float64(0.5), 0.5), (np.float32(0.5), 0.5), (torch.tensor(8), 8), (torch.tensor([0.5]), 0.5), (8.0, 8), (8, 8.0),
        (np.array([1.0, 2.0]), torch.tensor([1.0, 2.0])), ((1.0, 2.0), torch.tensor([1.0, 2.0])),
        ([torch.tensor(1.0), 2.0], torch.tensor([1.0, 2.0])),
        ((3, 4), [3, 4]), (torch.tensor([3, 4]), [3, 4]), ([np.int64(3), torch.tensor(4)], [3, 4]), (np.array(0.25), 0.25),
        (0.25, torch.tensor(0.25)), (torch.tensor([0.25]), torch.tensor(0.25)), (np.True_, True),
        (torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([1.0, 2.0])), (torch.tensor([1, 2]), torch.tensor([1.0, 2.0])),
    ],
)  # fmt: skip
def test_right_numbers_of_another_type_are_right(given, wanted):
    assert same(given, wanted, 1e-4)


def spoiling(function):
    """The answer, which then writes over everything that it was given."""

    def answer(*given):
        result = function(*given)
        result = result.clone() if isinstance(result, torch.Tensor) else result
        for value in given:
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, torch.Tensor):
                    part.mul_(0).add_(1)
            if isinstance(value, list):
                value.clear()
        return result

    return answer


@each
def test_an_answer_that_writes_over_its_arguments_changes_nothing_for_any_other(exercise):
    """Whatever it does in place, right stays right, each mistake keeps its name, and the next answer finds the exercise as it was."""
    if not isinstance(exercise, Exercise):
        return  # a letter has no arguments, and an experiment draws its own in each call
    assert grade(exercise, spoiling(exercise.reference)).startswith(f"{exercise.id} passed")
    for mistake in exercise.mistakes:
        assert grade(exercise, spoiling(mistake.wrong)) == f"{exercise.id}: not yet. {mistake.message}"
    assert grade(exercise, exercise.reference).startswith(f"{exercise.id} passed")
    assert not any(isinstance(v, list) and not v for case in exercise.drawn(0) for v in case)


def test_the_answers_that_used_to_be_judged_wrongly():
    def clips_always_in_place(grads, limit):
        norm = torch.cat([g.flatten() for g in grads]).norm()
        return torch.cat([g.mul_(limit / norm).flatten() for g in grads])

    assert "You also enlarge gradients below the limit" in grade(EXERCISES["04.1"], clips_always_in_place)

    def gradient_in_place(z, t, y, T, weight):
        hard = z.softmax(-1).scatter_add(-1, y.unsqueeze(-1), -torch.ones(len(y), 1))
        return (weight * T * (z.div_(T).softmax(-1) - t.div_(T).softmax(-1)) + (1 - weight) * hard).div_(len(z))

    assert grade(EXERCISES["07.1"], gradient_in_place).startswith("07.1 passed")

    def counts_and_empties(widths):
        total, before = 0, widths.pop(0)
        while widths:
            after = widths.pop(0)
            total, before = total + before * after + after, after
        return total

    for _ in range(2):
        assert grade(EXERCISES["01.1"], counts_and_empties).startswith("01.1 passed")
    assert grade(EXERCISES["01.1"], EXERCISES["01.1"].reference).startswith("01.1 passed")


def test_what_an_answer_returns_is_its_own():
    """One list, filled anew in each call, and arguments handed back."""
    exercise = Exercise("99.2", "Double.", lambda x: [2 * v for v in x], (([1, 2],), ([3, 4],)), (Mistake(lambda x: x, "That is x."),))
    kept = []

    def answer(x):
        kept[:] = [2 * v for v in x]
        return kept

    assert grade(exercise, answer).startswith("99.2 passed")
    assert grade(exercise, lambda x: x) == "99.2: not yet. That is x."


def test_an_answer_that_cannot_be_compared_is_wrong_and_raises_nothing():
    exercise = Exercise("99.3", "Root.", lambda x: x**0.5, ((4.0,),))
    for odd in (object(), iter([1]), 10**400, torch.ones(2).to_sparse(), torch.tensor(1j), [[1], [1, 2]], {1: 2}):
        assert grade(exercise, lambda x, odd=odd: odd).startswith("99.3: not yet. For (4) your answer is")


def test_an_unknown_exercise_is_said():
    with pytest.raises(InputError, match="exercise must be one of '00.1'"):
        check("99.9", print)
