"""The first edition's verdicts, while lessons still use them: computed from evidence, printed without moving numbers, never lost."""

import inspect
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from distill_helpers.checks import InputError
from distill_helpers.course import first_edition as module
from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.first_edition import Evidence, decide, fact, first_edition, measured
from distill_helpers.course.ledger import FIRST, UNTESTED, ledger
from distill_helpers.course.paths import repository
from distill_helpers.course.verdicts import read_verdicts
from distill_helpers.measure import paired

YES, NO, OPEN = (Evidence("made up", holds) for holds in (True, False, None))
TABLE = [
    ([YES, YES], [], "holds"),
    ([YES, OPEN], [], "inconclusive"),
    ([YES, OPEN], [YES], "inconclusive"),
    ([YES, NO], [YES], "holds with a correction"),
    ([NO, OPEN], [YES, YES], "holds with a correction"),
    ([NO], [], "refuted"),
    ([YES, NO], [YES, NO], "refuted"),
    ([NO], [NO, OPEN], "refuted"),
    ([NO], [YES, OPEN], "inconclusive"),
]
evidence = st.lists(st.sampled_from([YES, NO, OPEN]), max_size=4)


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("stated", "corrected", "verdict"), TABLE)
def test_the_table(stated, corrected, verdict):
    assert decide(stated, corrected) == verdict


@given(evidence.filter(bool), evidence)
def test_properties_of_a_verdict(stated, corrected):
    verdict = decide(stated, corrected)
    assert (verdict == "holds") == all(e.holds for e in stated)
    assert (verdict in ("refuted", "holds with a correction")) <= any(e.holds is False for e in stated)
    assert decide(stated[::-1], corrected[::-1]) == verdict
    if verdict == "holds with a correction":
        assert corrected and all(e.holds for e in corrected)


def test_no_argument_takes_a_verdict():
    for function in (first_edition, module.Judge.judge, fact, measured, decide):
        assert not {"verdict", "word", "result", "outcome"} & set(inspect.signature(function).parameters)


def test_an_interval_is_held_against_its_margin():
    high = paired(np.array([2.0, 2.1, 1.9, 2.0]), np.zeros(4))
    assert measured("a gain beyond one", high, margin=1.0).holds is True
    assert measured("a gain beyond three", high, margin=3.0).holds is False
    assert measured("a gain beyond two", high, margin=2.0).holds is None


def test_judging_prints_a_stable_line_and_records_the_numbers(own_results, capsys):
    gain = paired(np.array([0.51, 0.52, 0.53]), np.array([0.4, 0.4, 0.42]))
    verdict = first_edition("C02", "07").judge([measured("training on gains something", gain)])
    printed = capsys.readouterr().out
    assert printed.splitlines()[0] == f"C02: HOLDS. {CLAIMS['C02'].text}"
    assert "0.11" not in printed and "yes  training on gains something" in printed
    (row,) = read_verdicts(own_results)
    assert row["verdict"] == "holds" and row["stated"][0]["numbers"]["mean"] == pytest.approx(gain.mean, rel=1e-5)
    assert "+0.1133" in verdict.table().to_html()


def test_records_are_replaced_by_key_and_never_lost(own_results):
    first_edition("C06", "01").judge([fact("both sides agree", False)])
    first_edition("C05", "01", part="as stated").judge([fact("it has six million", False)])
    first_edition("C05", "07", part="the ratio").judge([fact("the ratio is 222", True)])
    first_edition("C06", "01").judge([fact("both sides agree", True)])
    rows = read_verdicts(own_results)
    assert [(r["claim"], r["verdict"]) for r in rows] == [("C05", "refuted"), ("C05", "holds"), ("C06", "holds")]
    assert all(r["edition"] == 1 for r in rows) and {r["lesson"] for r in rows} == {"counting_the_big_mlp", "soft_targets"}
    table = ledger(own_results)
    assert list(dict.fromkeys(table.claim)) == list(CLAIMS) and len(table) == 24
    assert (table[table.verdict != UNTESTED].edition == FIRST).all() and (table.verdict != UNTESTED).sum() == 3
    (own_results / "verdicts.json").write_text("{ broken")
    with pytest.warns(UserWarning, match="kept as verdicts.damaged.json"):
        first_edition("C07", "01").judge([fact("pairs are weights", False)])
    assert (own_results / "verdicts.damaged.json").read_text() == "{ broken"
    assert [r["claim"] for r in read_verdicts(own_results)] == ["C07"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: first_edition("C99", "01"), "claim must be one of 'C01'"),
        (lambda: first_edition("C06", "77"), "lesson must be a name or a number"),
        (lambda: first_edition("C06", "01").judge([]), "stated needs at least one"),
        (lambda: first_edition("C06", "01").judge(["refuted"]), "stated must hold fact"),
        (lambda: fact("it is so", "yes"), "holds must be True or False"),
        (lambda: fact("so", True), "name must say in words"),
        (lambda: measured("a gain of some", 0.3), "difference must come from paired"),
    ],
)
def test_bad_evidence_is_named(call, words):
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)


def test_the_published_verdicts_follow_from_their_own_evidence():
    """Nobody has edited a word: each published verdict of the first edition is what its published evidence gives."""
    words = {v: k for k, v in module.WORDS.items()}
    rows = [r for r in json.loads((repository() / "results" / "verdicts.json").read_text(encoding="utf-8")) if r["edition"] == 1]
    for row in rows:
        stated, corrected = ([Evidence(e["evidence"], words[e["holds"]]) for e in row[k]] for k in ("stated", "corrected"))
        assert decide(stated, corrected) == row["verdict"], row["claim"]
        for e in row["stated"] + row["corrected"]:
            n = e["numbers"]
            if {"low", "high", "margin"} <= n.keys():
                assert e["holds"] == ("yes" if n["low"] > n["margin"] else "no" if n["high"] < n["margin"] else "open")
