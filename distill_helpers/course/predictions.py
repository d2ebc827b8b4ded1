"""Ask before you tell: a question with choices before a run, and after it what came and what the reader had expected.

    dh.predict("soft_targets.kept", "How much of its teacher's accuracy will the student keep?", ["under 90 %", "90 to 98 %", "over 98 %"])
    ...
    dh.predict.outcome("soft_targets.kept", "over 98 %", said="It kept 99.1 % [98.9, 99.3].")
    dh.predict.progress()
"""

import html
import json
import os
import warnings
from pathlib import Path

from distill_helpers.checks import InputError, needed, one_of
from distill_helpers.course.paths import cache_dir, unattended
from distill_helpers.course.records.files import write
from distill_helpers.course.store import locked

_asked: dict[str, tuple[str, tuple[str, ...]]] = {}  # questions of this session: {key: (question, choices)}


def predict(key: str, question: str, choices) -> None:
    """Show a question with choices and remember which one the reader picks, in this session and in a file for the next.

    key: "lesson.name", one for each question. Where nobody watches, and on a page without a kernel, the question and its choices stand in a
    ``<details>``, and nothing is remembered. Raises InputError for a key of another form, a question without words, and choices that are
    not at least two different strings.
    """
    _check(key, question, choices)
    _asked[key] = (question, tuple(choices))
    display = needed("IPython.display").display
    if unattended():
        listed = "".join(f"<li>{html.escape(choice)}</li>" for choice in choices)
        folded = (f'<details class="prediction"><summary><strong>Predict:</strong> {html.escape(question)}</summary><ul>{listed}</ul>'
                  f"<p>Pick one before you read on.</p></details>")  # fmt: skip
        plain = f"Predict: {question}\n" + "\n".join(f"- {choice}" for choice in choices)
        display({"text/html": folded, "text/plain": plain}, raw=True)
        return
    display(_widget(key, question, tuple(choices)))


def outcome(key: str, came: str, said: str = "") -> None:
    """Print what came, and beside it what the reader had expected. came: one of the choices. said: a sentence with the numbers.

    Raises InputError for a question that was not asked in this session, and for something that was not among its choices.
    """
    if key not in _asked:
        raise InputError(f"key must be a question asked above with dh.predict, but {key!r} was given; run its cell first.")
    one_of("came", came, _asked[key][1])
    line = f"It came: {came}." + (f" {said}" if said else "")
    if unattended():
        print(line)
        return
    expected = _known(key).get("expected")
    if expected is None:
        print(f"You made no prediction. {line}")
    else:
        print(f"You expected: {expected}. {line} {'As you expected.' if expected == came else 'Not as you expected: what did you overlook?'}")
    _remember(key, came=came)


def progress() -> list[dict]:
    """The reader's predictions so far, in order of keys: key, question, expected, came (either may be None). Nothing where nobody watches."""
    if unattended():
        return []
    return [{"key": key, "question": row["question"], "expected": row.get("expected"), "came": row.get("came")}
            for key, row in sorted(read_answers().items())]  # fmt: skip


predict.outcome, predict.progress = outcome, progress


def answers_file() -> Path:
    """Where the answers are kept between sessions."""
    return cache_dir() / "predictions.json"


def read_answers() -> dict[str, dict]:
    """{key: {"question", "expected", "came"}}; an unreadable file is set aside and said, never lost."""
    path = answers_file()
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict) or not all(isinstance(row, dict) and "question" in row for row in found.values()):
            raise ValueError("it holds no answers")
        return found
    except ValueError as error:
        aside = path.with_name("predictions.damaged.json")
        os.replace(path, aside)
        warnings.warn(f"{path.name} could not be read ({error}); it is kept as {aside.name} and a new one begun.", stacklevel=2)
        return {}


def _known(key: str) -> dict:
    """What is kept of a question that was asked in this session; nothing where the question or its choices have changed since."""
    question, choices = _asked[key]
    row = read_answers().get(key, {})
    return row if row.get("question") == question and row.get("expected") in (None, *choices) else {}


def _remember(key: str, **what) -> None:
    with locked(answers_file()):
        row = _known(key) | {"question": _asked[key][0]} | what
        write(answers_file(), json.dumps(read_answers() | {key: row}, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def _widget(key, question, choices):
    ipywidgets = needed("ipywidgets")
    start = _known(key).get("expected")
    buttons = ipywidgets.RadioButtons(options=list(choices), value=start, layout={"width": "auto"})
    note = ipywidgets.HTML(_note(start))

    def picked(change):
        if change["new"] is not None:
            _remember(key, expected=change["new"])
            note.value = _note(change["new"])

    buttons.observe(picked, names="value")
    asked = ipywidgets.HTML(f"<strong>Predict:</strong> {html.escape(question)}")
    return ipywidgets.VBox([asked, buttons, note])


def _note(answer) -> str:
    return "Pick one, then run on." if answer is None else f"Kept: {html.escape(answer)}. You will see below what came."


def _check(key, question, choices) -> None:
    if not isinstance(key, str) or len(key.split(".")) != 2 or not all(part.isidentifier() for part in key.split(".")):
        raise InputError(f'key must be of the form "lesson.name", but {key!r} was given.')
    if not isinstance(question, str) or len(question.split()) < 3:
        raise InputError(f"question must ask something in words, but {question!r} was given.")
    strings = isinstance(choices, (list, tuple)) and all(isinstance(choice, str) and choice.strip() for choice in choices)
    if not strings or len(set(choices)) != len(choices) or len(choices) < 2:
        raise InputError(f"choices must be at least two different strings, but {choices!r} was given.")
