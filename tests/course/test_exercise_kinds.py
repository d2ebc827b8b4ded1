"""The mechanics of exercises: fresh cases, judging among options, experiments that are examined, stubs that say what to do."""

import re

import nbformat
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from nbclient import NotebookClient

import distill_helpers as dh
from distill_helpers.checks import InputError
from distill_helpers.course.exercises import Exercise, Experiment, Judgement, Mistake, Option
from distill_helpers.course.exercises.grading import grade

OPTIONS = (Option("The teacher helps.", "The interval reaches below zero: a loss is not excluded."),
           Option("It cannot be told.", "Right: zero lies within.", right=True),
           Option("The teacher does nothing.", "A gain of 2 points is not excluded either: no difference is another finding."))  # fmt: skip
JUDGED = Judgement("99.2", "A gain of 0.8 points [-0.4, 2.0], where 0.5 matters: what does it say?", OPTIONS)


def drawn_cases(generator):
    return tuple((torch.randn(4, generator=generator),) for _ in range(3))


def test_cases_are_fresh_for_each_call():
    seen = []

    def answer(x):
        seen.append(x.clone())
        return x.sum()

    exercise = Exercise("99.1", "Sum.", lambda x: x.sum(), drawn_cases, (Mistake(lambda x: x.mean(), "That is the mean."),))
    for _ in range(3):
        assert grade(exercise, answer) == "99.1 passed. Sum."
        assert grade(exercise, lambda x: x.mean()) == "99.1: not yet. That is the mean."
    first, second, third = seen[:3], seen[3:6], seen[6:]
    assert not any(torch.equal(a, b) for a in first for b in second) and not any(torch.equal(a, b) for a in second for b in third)
    learnt = iter([*first, *second])
    assert "not yet" in grade(exercise, lambda x: next(learnt).sum())  # what passed before is no answer now
    assert grade(exercise, lambda x: 0, seed=3) == grade(exercise, lambda x: 0, seed=3) != grade(exercise, lambda x: 0, seed=4)


def test_a_kind_that_does_not_exist_is_said():
    with pytest.raises(InputError, match="kind must be one of 'computes', 'judges', 'extends'"):
        Exercise("99.1", "Sum.", sum, (), kind="guesses")
    assert Exercise("99.1", "Sum.", sum, ()).kind == "computes" and JUDGED.kind == "judges"


@pytest.mark.parametrize("answer", ["b", " B ", lambda: "b"])
def test_the_right_judgement_passes_and_says_why(answer):
    assert grade(JUDGED, answer) == "99.2 passed. Right: zero lies within."
    assert JUDGED.reference == "b"


def test_each_wrong_choice_gets_its_own_answer():
    said = {grade(JUDGED, mistake.wrong) for mistake in JUDGED.mistakes}
    assert said == {f"99.2: not yet. {option.says}" for option in OPTIONS if not option.right} and len(said) == 2
    for odd in ("d", "ab", "", 2, None, lambda: 3.0):
        assert grade(JUDGED, odd).startswith("99.2: not yet. Your answer must be one letter from a to c, but it is")
    assert grade(JUDGED, lambda: 1 / 0) == "99.2: your function raised ZeroDivisionError: division by zero"


@pytest.mark.parametrize(("options", "said"), [
    (OPTIONS[:1], "2 to 8"), ((*OPTIONS, OPTIONS[0]), "differ"), (OPTIONS[::2], "one right one for 99.2, but 0"),
    ((*OPTIONS, Option("x", "y", True)), "but 2 are"), ((Option("a", "same", True), Option("b", "same")), "differ"),
])  # fmt: skip
def test_options_that_cannot_be_judged_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        Judgement("99.2", "What?", options)


def test_options_are_shown_by_letter(monkeypatch, capsys):
    caught = []
    monkeypatch.setattr("IPython.display.display", lambda data, **rest: caught.append(data))
    dh.options(JUDGED)
    assert all(f"<strong>{letter}.</strong> {option.text}" in caught[0]["text/html"] for letter, option in zip("abc", OPTIONS, strict=True))
    assert "b. It cannot be told." in caught[0]["text/plain"]
    dh.check(JUDGED, "b")
    assert capsys.readouterr().out == "99.2 passed. Right: zero lies within.\n"
    with pytest.raises(InputError, match="must be one that judges"):
        dh.options("01.1")


def examine(answer, generator):
    """A schedule from 1 down to 0."""
    steps = int(torch.randint(5, 50, (), generator=generator))
    values = [answer(step / steps) for step in range(steps + 1)]
    if values[0] != 1:
        return "It must begin at 1."
    return "" if values[-1] == 0 else "It must end at 0."


def test_an_experiment_is_examined_and_its_mistake_named():
    experiment = Experiment("99.3", "Down to nothing.", examine, lambda t: 1 - t, (Mistake(lambda t: 0, "It must begin at 1."),))
    assert grade(experiment, experiment.reference) == "99.3 passed. Down to nothing."
    assert grade(experiment, lambda t: 1 - t / 2) == "99.3: not yet. It must end at 0."
    assert grade(experiment, experiment.mistakes[0].wrong) == "99.3: not yet. It must begin at 1."
    assert grade(experiment, lambda t: t.no) == "99.3: your function raised AttributeError: 'float' object has no attribute 'no'"


def unsolved(*given):
    raise dh.Unsolved("Return the mean over the batch.")


def test_a_stub_says_what_to_do():
    exercise = Exercise("99.1", "Sum.", lambda x: x.sum(), drawn_cases)
    experiment = Experiment("99.3", "Down.", examine, lambda t: 1 - t)
    for kind, name in ((exercise, "99.1"), (JUDGED, "99.2"), (experiment, "99.3")):
        assert grade(kind, unsolved) == f"{name}: not solved yet. Return the mean over the batch."
    with pytest.raises(InputError, match="todo must say in words"):
        raise dh.Unsolved("Do it")


def test_a_stub_shows_two_lines_in_place_of_a_traceback(capsys):
    InteractiveShell.instance().run_cell("import distill_helpers as dh\ndef f():\n    raise dh.Unsolved('Return the mean over the batch.')\nf()")
    text = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out)
    assert text.strip().splitlines() == [
        "Yours to solve: Return the mean over the batch.",
        "Put your answer in place of the line that begins with `raise`, run this cell, then the next one.",
    ]


@pytest.mark.slow
def test_a_notebook_stores_the_two_lines_and_goes_on():
    stub = nbformat.v4.new_code_cell("import distill_helpers as dh\nraise dh.Unsolved('Return the mean over the batch.')")
    stub.metadata["tags"] = ["raises-exception"]
    notebook = nbformat.v4.new_notebook(cells=[stub, nbformat.v4.new_code_cell("print('on')")])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (error,) = notebook.cells[0].outputs
    assert error.ename == "Unsolved" and error.traceback[0] == "Yours to solve: Return the mean over the batch." and len(error.traceback) == 2
    assert notebook.cells[1].outputs[0].text == "on\n"
