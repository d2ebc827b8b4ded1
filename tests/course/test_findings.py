"""Sentences come from results: printed with their numbers, refused where the evidence does not support them, drawn into documents."""

import json

import numpy as np
import pytest

from distill_helpers.checks import InputError
from distill_helpers.course import context, findings, ledger, texts
from distill_helpers.course.claims import find_claim
from distill_helpers.course.findings import Unsupported, finding
from distill_helpers.course.paths import repository
from distill_helpers.course.store import forget_rows, read_rows
from distill_helpers.course.verdicts import claim
from distill_helpers.measure import formatted, interval
from distill_helpers.measure.kinds import word
from distill_helpers.measure.statistics import Difference

SOFT = "Soft targets gain {} over labels alone with 200 labels."


@pytest.fixture(autouse=True)
def own_results(tmp_path, monkeypatch):
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path))
    context.enter("soft_targets")
    yield tmp_path
    context.enter(None)


def points(low, high, n=16, diverged=0):
    values = [low / 100, high / 100] * (n // 2)
    mean = (low + high) / 200
    return Difference(mean, low / 100, high / 100, n, 0.95, "t", mean, 0.0, np.array(values), df=n - 1, diverged=diverged)


def test_a_finding_is_printed_with_its_number_and_stored(own_results, capsys):
    row = finding("soft.gain", SOFT, points(0.2, 0.48), kind="gain", m=0.5, any_size=True)
    assert capsys.readouterr().out == "Soft targets gain +0.34 [+0.20, +0.48] points, 16 replicates over labels alone with 200 labels.\n"
    (stored,) = read_rows(own_results, "findings")
    assert stored == row and stored["lesson"] == "soft_targets" and stored["word"] == "yes, too small to matter" and stored["mean"] == 0.34
    finding("soft.gain", "With 200 labels, soft targets gain over labels alone.", points(1, 2, diverged=1), kind="gain", m=0.5)
    assert capsys.readouterr().out.endswith("gain over labels alone: +1.50 [+1.00, +2.00] points, 16 replicates, 1 diverged.\n")
    assert len(read_rows(own_results, "findings")) == 1


def test_numbers_without_an_interval_want_a_condition(own_results, capsys):
    finding("count.teacher", "The teacher has {} parameters, which is 222 times the student's.", 5936650, holds=round(5936650 / 26746) == 222)
    assert "has 5,936,650 parameters" in capsys.readouterr().out
    finding("count.two", "Their accuracies are {} before and after.", (0.91234, 0.95), holds=True)
    assert capsys.readouterr().out == "Their accuracies are 0.9123, 0.95 before and after.\n"


@pytest.mark.parametrize(
    ("value", "arguments"),
    [
        (points(0.2, 0.48), dict(kind="gain", m=0.5)),  # too small to matter, and the sentence does not say so
        (points(-0.1, 0.9), dict(kind="gain", m=0.5)),
        (points(-2, -1), dict(kind="gain", m=0.5)),
        (points(0.6, 1.2), dict(kind="by m", m=1)),
        (points(-1.2, 0.3), dict(kind="not worse", m=1)),
        (points(-0.2, 0.6), dict(kind="same", m=0.5)),
        (3, dict(holds=False)),
    ],
)
def test_a_sentence_that_the_evidence_does_not_support_is_refused_and_dropped(value, arguments, own_results):
    finding("soft.gain", SOFT, points(1, 2), kind="gain", m=0.5)
    with pytest.raises(Unsupported, match="soft.gain.*but"):
        finding("soft.gain", SOFT, value, **arguments)
    assert read_rows(own_results, "findings") == []


@pytest.mark.parametrize("phrase", findings.NULL_PHRASES)
def test_nothing_is_called_nothing_but_over_same(phrase, own_results):
    sentence = f"The critic {phrase} here: {{}}."
    finding("critic.null", sentence, points(-0.2, 0.3), kind="same", m=0.5)
    for kind in ("gain", "not worse", "by m"):
        with pytest.raises(InputError, match="over kind 'same' only"):
            finding("critic.null", sentence, points(0.6, 0.9), kind=kind, m=0.5)
    with pytest.raises(InputError, match="over kind 'same' only"):
        finding("critic.null", sentence.capitalize(), 0.0, holds=True)
    with pytest.raises(Unsupported):  # an interval down to -1.3
        finding("critic.null", sentence, points(-1.3, 0.3), kind="same", m=0.5)


def test_a_key_has_one_owner_and_is_forgotten_with_its_lesson(own_results):
    finding("soft.gain", SOFT, points(1, 2), kind="gain", m=0.5)
    with pytest.raises(InputError, match="belongs to the lesson 'soft_targets'"):
        finding("soft.gain", SOFT, points(1, 2), kind="gain", m=0.5, lesson="robust_students")
    finding("robust.gain", SOFT, points(1, 2), kind="gain", m=0.5, lesson="robust_students")
    forget_rows(own_results, "findings", "soft_targets")
    assert [r["key"] for r in read_rows(own_results, "findings")] == ["robust.gain"]


def test_a_damaged_store_is_kept_aside(own_results):
    (own_results / "findings.json").write_text('{"no": "list"}')
    with pytest.warns(UserWarning, match="kept as findings.damaged.json"):
        finding("soft.gain", SOFT, points(1, 2), kind="gain", m=0.5)
    assert len(read_rows(own_results, "findings")) == 1 and "no" in (own_results / "findings.damaged.json").read_text()


GAIN = dict(kind="gain", m=0.5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: finding("Soft gain", SOFT, points(1, 2), **GAIN), "key must be words"),
        (lambda: finding("soft.gain", "It gains.", points(1, 2), **GAIN), "sentence must be one sentence"),
        (lambda: finding("soft.gain", "It gains {} here and {} there.", points(1, 2), **GAIN), "at most one"),
        (lambda: finding("soft.gain", SOFT, points(1, 2)), "kind must be one of"),
        (lambda: finding("soft.gain", SOFT, points(1, 2), kind="gain"), "m must be a number"),
        (lambda: finding("soft.gain", SOFT, points(1, 2), **GAIN, holds=True), "holds goes with numbers"),
        (lambda: finding("soft.gain", SOFT, points(1, 2), **GAIN, unit="miles"), "unit must be one of"),
        (lambda: finding("soft.gain", SOFT, 3.0), "holds must be True or False"),
        (lambda: finding("soft.gain", SOFT, 3.0, **GAIN), "go with a Difference"),
        (lambda: finding("soft.gain", SOFT, None, holds=True), "value must be a Difference"),
        (lambda: (context.enter(None), finding("soft.gain", SOFT, points(1, 2), **GAIN)), "lesson must be known"),
    ],
)
def test_bad_findings_are_named(call, words, own_results):
    with pytest.raises(InputError, match=words):
        call()
    assert read_rows(own_results, "findings") == []


def test_one_format_for_all():
    assert formatted(interval([0.0, 0.0])) == "+0.00 [+0.00, +0.00] points, 2 replicates"
    assert formatted(points(-0.004, 0.001)).startswith("-0.002 [-0.004, +0.001]")  # never -0.00: the sign decides the word
    assert formatted(interval([1e-9, 1e-9])) == "+0.00 [+0.00, +0.00] points, 2 replicates"
    assert formatted(points(1, 3), "% of the steps") == "+2.0 [+1.0, +3.0]% of the steps, 16 replicates"
    assert formatted(points(1, 3), "ECE") == "+0.0200 [+0.0100, +0.0300] ECE, 16 replicates"


# documents

PAGE = """Before.
- <!-- finding:soft.gain -->old<!-- /finding -->, <!-- number:soft.gain -->old
lines<!-- /number -->; C02 <!-- verdict:C02 -->old<!-- /verdict -->, C04 <!-- verdict:C04/deploys -->x<!-- /verdict -->.
<!-- ledger -->x<!-- /ledger -->
"""


@pytest.fixture
def stored(own_results):
    finding("soft.gain", SOFT, points(1, 2), kind="gain", m=0.5)
    claim("C04", "deploys").judge(same_answers=True)
    from distill_helpers.course.first_edition import fact, first_edition

    first_edition("C02", "07").judge([fact("training on gains something", False)])
    return own_results


def test_marked_spots_are_drawn_from_the_store(stored):
    text = texts.refreshed(PAGE, stored)
    assert "finding:soft.gain -->Soft targets gain +1.50 [+1.00, +2.00] points, 16 replicates over labels" in text
    assert "number:soft.gain -->+1.50 [+1.00, +2.00] points, 16 replicates<" in text
    assert "-->refuted (first edition)<" in text and "-->holds<" in text and ledger.synthesis(stored) in text
    assert texts.refreshed(text, stored) == text and text.startswith("Before.\n- <!--")


def test_a_stale_figure_goes_red(stored, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text(texts.refreshed(PAGE, stored))
    monkeypatch.setattr(texts, "pages", lambda: [page])
    assert texts.stale_pages(stored) == []
    page.write_text(page.read_text().replace("+1.50 [+1.00", "+1.60 [+1.00", 1))
    assert texts.stale_pages(stored) == [page]
    page.write_text(texts.refreshed(PAGE, stored))
    finding("soft.gain", SOFT, points(2, 3), kind="gain", m=0.5)  # the results move on, and the page does not
    assert texts.stale_pages(stored) == [page]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<!-- finding:soft.loss -->x<!-- /finding -->", "'soft.loss', which no lesson has stored"),
        ("<!-- verdict:C04 -->x<!-- /verdict -->", "'C04' names 0"),
        ("<!-- finding:soft.gain -->x", "one is not"),
        ("<!-- finding:soft.gain -->x<!-- /number -->", "one is not"),
        ("x<!-- /ledger -->", "one is not"),
    ],
)
def test_spots_that_cannot_be_drawn(text, words, stored):
    with pytest.raises(InputError, match=words):
        texts.refreshed(text, stored)


def test_the_published_pages_are_drawn_from_the_published_results():
    assert texts.stale_pages() == [], "run `python -m distill_helpers.course.runner texts`"
    assert any("<!-- ledger -->" in page.read_text(encoding="utf-8") for page in texts.pages())


def test_the_published_findings_are_supported_by_their_own_numbers():
    rows = json.loads((repository() / "results" / "findings.json").read_text(encoding="utf-8"))
    assert len({r["key"] for r in rows}) == len(rows)
    for r in rows:
        context.name_of(r["lesson"])
        assert r["number"] in r["sentence"]
        if r["kind"] != "exact":
            assert r["word"] == word(r["kind"], r["low"], r["high"], r["m"])


# the forest plot


def test_a_forest_plot_shows_each_row_and_says_it(own_results):
    import matplotlib.pyplot as plt

    from distill_helpers.show import Row, forest

    rows = [Row("gain", 1.0, 0.6, 1.4, 0.4, 1.6, 0.5, "yes"), Row("null", 0.0, -0.2, 0.2, None, None, 0.5, "no difference that matters")]
    fig, alt = forest(rows, unit="points")
    ax = fig.axes[0]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["gain", "null"] and fig.get_size_inches()[0] == 7
    lines = [tuple(line.get_xdata()) for line in ax.lines]
    assert (0.6, 1.4) in lines and (0.4, 1.6) in lines and (-0.2, 0.2) in lines and (0.5, 0.5) in lines and (-0.5, -0.5) in lines
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines if line.get_marker() != "None"}
    assert len(looks) == 2, "words differ in colour and in shape"
    assert alt == ("Forest plot of 2 comparisons in points, around a line at zero: gain +1 [+0.6, +1.4], yes; null +0 [-0.2, +0.2], "
                   "no difference that matters.")  # fmt: skip
    plt.close(fig)
    for wrong in ([], [("a", 1, 0, 2)], [Row("a", 3, 0, 2)]):
        with pytest.raises(InputError):
            forest(wrong)


def test_the_ledgers_rows_are_in_multiples_of_m(own_results):
    g = {k: points(1, 2) for k in find_claim("C02").part("").readings}
    claim("C02").judge(g)
    rows = ledger.forest_rows(own_results)
    assert len(rows) == len(g) and rows[0].name == "C02: all_labels.vs_k" and (rows[0].mean, rows[0].low, rows[0].high) == pytest.approx((3, 2, 4))
    assert rows[0].m == 1 and rows[0].word == "yes"
