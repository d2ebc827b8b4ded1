"""The first page's room: pictures of one digit, made-up data whose words are known, figures that can be read, terms and symbols of the course."""

import inspect
import re

import nbformat
import numpy as np
import pytest
import torch

import distill_helpers as dh
from distill_helpers.checks import InputError
from distill_helpers.course import glossary, sync
from distill_helpers.course.catalogue import LESSONS
from distill_helpers.course.claims import find_claim
from distill_helpers.course.lessons.start_here import exercises, figures, made_up, one_digit
from distill_helpers.course.paths import repository
from distill_helpers.measure.crossed import two_way
from distill_helpers.measure.kinds import WORDS, word
from distill_helpers.show import layout_faults, style

SOURCE = "\n".join(c.source for c in sync.from_source(sync.sources(["00"])[0]).cells)


def test_pictures_are_made_of_the_digit_and_differ():
    digit = dh.load_digits().train.images[0]
    made = one_digit.pictures(digit, 50, torch.Generator().manual_seed(0))
    assert made.shape == (50, 1, 28, 28) and made.dtype == torch.uint8
    assert len({picture.numpy().tobytes() for picture in made}) == 50
    assert torch.equal(made, one_digit.pictures(digit, 50, torch.Generator().manual_seed(0)))
    assert not one_digit.pictures(torch.zeros_like(digit), 5, torch.Generator().manual_seed(0)).any()  # nothing comes in from elsewhere
    with pytest.raises(InputError, match="digit must be uint8"):
        one_digit.pictures(digit.float(), 5, torch.Generator())


def test_each_replicate_sees_pictures_of_one_digit():
    ten = dh.load_digits().train.per_class(1, seed=0)
    pool, replicates = one_digit.made_of_each(ten, 20)
    assert len(pool) == 200 and len(replicates) == 10
    for digit, replicate in zip(ten.labels, replicates, strict=True):
        assert set(pool.labels[replicate.rows].tolist()) == {int(digit)}
    assert len(torch.cat([r.rows for r in replicates]).unique()) == 200


def test_the_six_examples_have_the_six_words_in_order():
    assert tuple(word("gain", d.low, d.high, figures.M) for d in made_up.six().values()) == WORDS


def moved():
    """(effects, replicates) of the page's widget, as they stand in its cell."""
    effects, counts = re.search(r"effects, counts = (\([^)]*\)), (\([^)]*\))", SOURCE).groups()
    return [[float(v) for v in effects.strip("()").split(",")], [int(v) for v in counts.strip("()").split(",")]]


def test_the_widget_reaches_all_six_words_and_its_picture_says_them():
    style()
    effects, counts = moved()
    said = set()
    for effect in effects:
        for count in counts:
            picture = figures.word_of.picture(effect, count)
            title = picture.fig.axes[0].get_title(loc="left")
            assert f"true effect {effect:+g}, {count} replicates: " in title and title.rpartition(": ")[2] in picture.alt
            said.add(title.rpartition(": ")[2])
            picture.fig.clear()
    assert said == set(WORDS)


def drawn():
    """One call of each figure of the page."""
    part = find_claim("C02").part("")
    verdict = dh.rehearse("C02", made_up.measurements())
    a, b = made_up.two_arms()
    ten = dh.load_digits().train.per_class(1, seed=0).images
    rng = np.random.default_rng(0)
    tables = [exercises.world(rng) for _ in range(8)]
    family = made_up.idle_family(np.random.default_rng(5))
    return {
        "made_of_one": (ten[7], ten), "read_by_each": (ten, np.full(10, 0.8), {"its label": np.full(10, 0.1), "untrained": np.full(10, 0.09)}),
        "arms": (a, b, dh.paired(b, a), dh.unpaired(b, a)), "six_words": (made_up.six(),), "word_of": (0.25, 8),
        "timeline": (find_claim("C02"), part, verdict), "measured": (verdict,), "over_margins": (part, made_up.measurements()),
        "worlds": ([dh.interval(t.mean(1)) for t in tables], [two_way(t) for t in tables], exercises.TRUTH),
        "family": (family, dh.simultaneous(family)),
    }  # fmt: skip


def test_every_figure_can_be_read(capsys):
    plt = pytest.importorskip("matplotlib.pyplot")
    style()
    calls = drawn()
    assert set(calls) | {"flow"} == {name for name, f in inspect.getmembers(figures) if hasattr(f, "picture")}
    for name, arguments in calls.items():
        assert not layout_faults(getattr(figures, name).picture(*arguments).fig), name
    assert "<title" in figures.flow.picture(dh.digits_teacher(), dh.digits_student()).svg
    plt.close("all")


def test_the_timeline_says_what_the_register_the_ruling_and_the_ledger_say(capsys):
    claim = find_claim("C02")
    verdict = dh.rehearse("C02", made_up.measurements())
    alt = figures.timeline.picture(claim, claim.part(""), verdict).alt
    published = dh.ledger().set_index("claim").verdict["C02"]
    for said in (
        claim.registered,
        "4 readings",
        f"{len(claim.part('').weaker)} weaker forms",
        "m is 0.5 points",
        verdict.verdict,
        verdict.ruling.form,
        verdict.row["firmness"],
    ):
        assert said in alt
    assert f"published for C02 today: {published}" in alt


def test_a_rehearsal_judges_as_a_lesson_does_and_records_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path))
    rehearsed = dh.rehearse("C02", made_up.measurements())
    assert capsys.readouterr().out.startswith("A rehearsal, not recorded. C02: HOLDS IN PART, better than after k steps only.")
    assert not list(tmp_path.iterdir())
    judged = dh.claim("C02", lesson="soft_targets").judge(made_up.measurements())
    assert judged.row == rehearsed.row and list(tmp_path.glob("verdicts.json"))
    assert rehearsed.row["firmness"] == "fragile"  # the page shows one that is
    with pytest.raises(InputError, match="not registered: more"):
        dh.rehearse("C02", {"more": True})


def test_idle_families_raise_false_alarms_by_single_intervals_only_as_often_as_they_say():
    single, together = made_up.false_alarms(100)
    assert single > 20 and together <= 12
    family = made_up.idle_family(np.random.default_rng(5))  # the one on the page
    assert any(d.low > 0 or d.high < 0 for d in family.values())


def test_terms_and_symbols_are_each_said_once_and_plainly():
    terms = [term for group in glossary.TERMS.values() for term in group]
    assert len({term.lower() for term in terms}) == len(terms) and all(len(group) <= 12 for group in glossary.TERMS.values())
    for said in (said for group in glossary.TERMS.values() for said in group.values()):
        assert said.endswith(".") and 4 <= len(said.split()) <= 25 and said.count(". ") == 0
    assert len(set(glossary.SYMBOLS.values())) == len(glossary.SYMBOLS)


PROJECT = {
    "OK",
    "GPU",
    "CPU",
    "MNIST",
    "SVHN",
    "CIFAR",
    "COCO",
    "XOR",
    "RNG",
    "CSV",
    "TF",
    "DISTILL_PROFILE",
    "SVG",
    "LSUV",
}  # names, and what every reader knows


def lessons_text(edition):
    return {x.stem: "\n".join(c.source for c in nbformat.read(repository() / "notebooks" / f"{x.stem}.ipynb", as_version=4).cells
                              if c.cell_type == "markdown") for x in LESSONS if x.built and x.edition == edition}  # fmt: skip


@pytest.mark.parametrize("stem", lessons_text(2))
def test_a_lesson_s_acronyms_and_symbols_are_in_the_tables(stem):
    """What stands in capitals is a term of the glossary or a strategy of the table; what is typeset alone is a symbol of the notation."""
    text = lessons_text(2)[stem]
    known = {word for group in glossary.TERMS.values() for term in group for word in re.findall(r"\w+", term)} | PROJECT
    known |= set(re.findall(r"\b[A-Z]{2,}\b", (repository() / "docs" / "strategies.md").read_text(encoding="utf-8")))
    plain = re.sub(r"`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)", " ", text, flags=re.DOTALL)
    assert set(re.findall(r"\b[A-Z]{2,}\b", plain)) <= known
    alone = set(re.findall(r"\$-?(\\?[A-Za-z]+)(?:_\{?\w+\}?|\^\{?\w+\}?)*\$", text))
    letters = {s for symbol in glossary.SYMBOLS for s in re.findall(r"\\?[A-Za-z]+", symbol)} | {"d", "r", "s"}
    assert alone <= letters, alone - letters


def test_the_tables_show_every_row(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data["text/markdown"]))
    dh.notation()
    dh.glossary()
    symbols, terms = shown
    assert symbols.count("\n| $") == len(glossary.SYMBOLS) and all(f"| ${symbol}$ |" in symbols for symbol in glossary.SYMBOLS)
    assert all(f"| {term} |" in terms for group in glossary.TERMS.values() for term in group)
