"""Predictions: asked before, kept between sessions, taken up after; hints and stubs; the papers' list."""

import json

import pytest

import distill_helpers as dh
from distill_helpers.checks import InputError
from distill_helpers.course import predictions, references

KEY, QUESTION, CHOICES = "soft.kept", "How much is kept?", ("little <10 %", "most", "all")


@pytest.fixture
def shown(monkeypatch, tmp_path):
    caught = []
    monkeypatch.setattr("IPython.display.display", lambda data, **rest: caught.append(data))
    monkeypatch.setattr(predictions, "_asked", {})
    monkeypatch.setenv("DISTILL_CACHE", str(tmp_path))
    return caught


@pytest.fixture
def watched(monkeypatch, shown):
    monkeypatch.delenv("DISTILL_UNATTENDED", raising=False)
    return shown


def test_where_nobody_watches_it_is_a_details_and_nothing_is_kept(shown, capsys, tmp_path):
    dh.predict(KEY, QUESTION, CHOICES)
    (data,) = shown
    page = data["text/html"]
    assert page.startswith("<details") and f"{QUESTION}</summary>" in page and "<li>little &lt;10 %</li>" in page and page.count("<li>") == 3
    dh.predict.outcome(KEY, "most", said="It kept 97 %.")
    assert capsys.readouterr().out == "It came: most. It kept 97 %.\n"
    assert dh.predict.progress() == [] and list(tmp_path.iterdir()) == []


def test_an_answer_is_kept_and_taken_up(watched, capsys):
    dh.predict(KEY, QUESTION, CHOICES)
    asked, buttons, note = watched[0].children
    assert QUESTION in asked.value and buttons.options == CHOICES and buttons.value is None
    dh.predict.outcome(KEY, "most")
    assert capsys.readouterr().out == "You made no prediction. It came: most.\n"
    buttons.value = "all"
    assert "Kept: all." in note.value
    dh.predict.outcome(KEY, "most", said="It kept 97 %.")
    assert capsys.readouterr().out.startswith("You expected: all. It came: most. It kept 97 %. Not as you expected")
    buttons.value = "most"
    dh.predict.outcome(KEY, "most")
    assert capsys.readouterr().out == "You expected: most. It came: most. As you expected.\n"
    assert dh.predict.progress() == [{"key": KEY, "question": QUESTION, "expected": "most", "came": "most"}]
    dh.predict(KEY, QUESTION, CHOICES)  # another session
    assert watched[1].children[1].value == "most" and "Kept: most." in watched[1].children[2].value


def test_an_answer_to_another_question_does_not_count(watched, capsys):
    dh.predict(KEY, QUESTION, CHOICES)
    watched[0].children[1].value = "all"
    dh.predict(KEY, "How much is really kept?", ("none of it", "most"))
    assert watched[1].children[1].value is None
    dh.predict.outcome(KEY, "most")
    assert capsys.readouterr().out.startswith("You made no prediction.")
    dh.predict(KEY, "How much is really kept?", ("none of it", "most"))
    watched[2].children[1].value = "most"
    assert dh.predict.progress()[0] == {"key": KEY, "question": "How much is really kept?", "expected": "most", "came": "most"}


@pytest.mark.parametrize("damage", ["{", "[1]", '{"a": 3}', '{"a": {"expected": "x"}}'])
def test_a_damaged_file_is_set_aside_and_said(watched, tmp_path, damage):
    (tmp_path / "predictions.json").write_text(damage)
    with pytest.warns(UserWarning, match="kept as predictions.damaged.json"):
        dh.predict(KEY, QUESTION, CHOICES)
    assert (tmp_path / "predictions.damaged.json").read_text() == damage
    watched[0].children[1].value = "all"
    assert json.loads((tmp_path / "predictions.json").read_text())[KEY]["expected"] == "all"


@pytest.mark.parametrize(("call", "said"), [
    (lambda: dh.predict("kept", QUESTION, CHOICES), "key must be of the form"), (lambda: dh.predict("a.b c", QUESTION, CHOICES), "key must be of"),
    (lambda: dh.predict(KEY, "Why?", CHOICES), "question must ask"), (lambda: dh.predict(KEY, QUESTION, "ab"), "choices must be"),
    (lambda: dh.predict(KEY, QUESTION, ["a"]), "choices must be"), (lambda: dh.predict(KEY, QUESTION, ["a", "a"]), "choices must be"),
    (lambda: dh.predict(KEY, QUESTION, ["a", 3]), "choices must be"), (lambda: dh.predict.outcome("no.such", "a"), "run its cell first"),
    (lambda: (dh.predict(KEY, QUESTION, CHOICES), dh.predict.outcome(KEY, "some")), "came must be one of"),
])  # fmt: skip
def test_what_cannot_be_asked_is_said(shown, call, said):
    with pytest.raises(InputError, match=said):
        call()


def test_hints_open_one_behind_the_other(shown):
    dh.hints("Look at the sum.", "Which axis < 2?", "Divide by the batch.")
    page = shown[0]["text/html"]
    first, second, third = (page.index(f"Hint {n} of 3") for n in (1, 2, 3))
    assert first < page.index("Look at the sum.") < second < page.index("Which axis &lt; 2?") < third
    assert page.endswith("</details></details></details>") and "</details>" not in page[:third]
    for wrong in ((), ("",), ("word",), (3,)):
        with pytest.raises(InputError, match="hints must be"):
            dh.hints(*wrong)


def test_papers_are_listed_with_venue_and_year(shown):
    dh.reading("hinton2014distilling", "lee2013pseudo")
    page = shown[0]["text/html"]
    assert page.count("<li>") == 2 and "Geoffrey Hinton, Oriol Vinyals, Jeff Dean: " in page and "Workshop, 2014</li>" in page
    assert 'href="https://arxiv.org/abs/1503.02531"' in page
    assert "Li Yuan, et al.:" in references.cited(references.references()["yuan2020revisiting"])
    for keys, said in (((), "at least one"), (("nobody1999",), "key must be one of")):
        with pytest.raises(InputError, match=said):
            dh.reading(*keys)


ENTRY = "@misc{a1,\n  author = {A},\n  title = {T},\n  journal = {J},\n  year = {2000},\n}\n"


@pytest.mark.parametrize(("text", "said"), [
    (ENTRY + ENTRY, "'a1' twice"), (ENTRY.replace("  year = {2000},\n", ""), "must give year for 'a1'"),
    (ENTRY.replace("journal", "note"), "must give booktitle"), (ENTRY.replace("{J}", '"J"'), "one field in braces a line"),
    (ENTRY.rstrip().rstrip("}"), "one field in braces a line"),
])  # fmt: skip
def test_a_bibliography_that_is_not_whole_is_said(text, said):
    assert references.parse(ENTRY) == {"a1": {"author": "A", "title": "T", "journal": "J", "year": "2000"}}
    with pytest.raises(InputError, match=said):
        references.parse(text)
