"""The second edition's page: the miniature of docs/page.md obeys every rule, each rule finds its fault, and a lesson is of one edition."""

import copy
import sys

import miniature
import nbformat
import page_rules
import pytest
from page_rules import Page, faults_of

from distill_helpers.course import sync
from distill_helpers.course.catalogue import FIRST_EDITION, LESSONS
from distill_helpers.course.exercises import all_exercises
from distill_helpers.course.references import references


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("miniature")
    return Page(miniature.made(folder), miniature.STEM, papers=frozenset(references()))


def test_the_miniature_obeys_every_rule(page):
    assert faults_of(page) == {}


def source(page, words):
    """The first cell whose source holds these words."""
    return next(cell for cell in page.notebook.cells if words in cell.source)


def replaced(words, by):
    def fault(page):
        cell = source(page, words)
        cell.source = cell.source.replace(words, by)

    return fault


def dropped(words):
    return lambda page: page.notebook.cells.remove(source(page, words))


def output(words, change):
    return lambda page: change(source(page, words).outputs)


LARGE = "<table>" + "<tr><td>1</td></tr>" * 13 + "</table>"
ERROR = nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])
FAULTS = {
    "no question": ("opening", replaced("**The question:**", "**Why:**")),
    "a second set-up": ("opening", replaced("top = softened", "dh.start(seed=1)\ntop = softened")),
    "no drawing": ("opening", output("figures.flow", lambda outputs: outputs.clear())),
    "an import further down": ("opening", replaced("top = softened", "import math\ntop = softened")),
    "a formula as plain text": ("formulas", replaced("Heat makes an answer softer.", "Heat makes p = z / T softer.")),
    "a wide line": ("width_of_code", replaced("top = softened", "# " + "x" * 100 + "\ntop = softened")),
    "long cells": ("length_of_cells", lambda page: [setattr(c, "source", c.source + "\nx = 1" * 12) for c in page.code]),
    "plots on the page": ("plotting", replaced("top = softened", "ax.plot(z)\n" * 13 + "top = softened")),
    "one prediction": ("predictions", dropped('dh.predict("miniature.order"')),
    "a prediction that is not taken up": ("predictions", dropped('dh.predict.outcome("miniature.order"')),
    "a long text": ("length_of_texts", replaced("Heat makes an answer softer.", "Heat makes an answer softer. " * 20)),
    "no alt text": ("figures", lambda page: [o.metadata.clear() for c in page.code for o in c.outputs if "image/png" in o.get("data", {})]),
    "no caption": ("figures", output("figures.belief(z", lambda outputs: outputs.pop())),
    "a large table": ("size_of_tables", output("dh.table(rows", lambda outputs: outputs[0].data.update({"text/html": LARGE}))),
    "no stored pictures": ("widgets", lambda page: page.notebook.metadata.pop("widgets")),
    "interact": ("widgets", replaced("top = softened", "interact(f)\ntop = softened")),
    "a bare truth value": ("results", output("top = softened", lambda o: o.append(nbformat.v4.new_output("stream", text="same: True\n")))),
    "no further reading": ("closing", replaced("## Further reading", "## Later")),
    "two exercises": ("exercises", dropped("exercise 99.3")),
    "no hints": ("exercises", dropped('dh.hints("Which temperature')),
    "two of one kind": ("exercises", lambda page: setattr(page, "kinds", ("computes", "computes", "judges"))),
    "a stored error": ("errors", output("top = softened", lambda outputs: outputs.append(ERROR))),
    "a paper that is not there": ("papers", replaced("guo2017calibration", "guo2071calibration")),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_breaks_its_rule(page, fault):
    rule, plant = FAULTS[fault]
    broken = copy.deepcopy(page)
    plant(broken)
    assert rule in faults_of(broken), f"{rule} does not see it"


def test_every_rule_has_a_fault():
    assert {rule for rule, _ in FAULTS.values()} == set(page_rules.RULES)


def test_the_first_edition_s_lessons_are_there():
    assert set(FIRST_EDITION) <= {lesson.name for lesson in LESSONS if lesson.built}


@pytest.mark.parametrize("lesson", [lesson for lesson in LESSONS if lesson.built], ids=lambda lesson: lesson.name)
def test_a_lesson_follows_the_rules_of_its_edition(lesson):
    """A reworked lesson breaks no rule; one that breaks none leaves FIRST_EDITION."""
    path = sync.target(next(path for path in sync.sources() if path.stem == lesson.stem))
    kinds = tuple(e.kind for e in all_exercises().values() if e.id.startswith(lesson.number) and hasattr(e, "kind"))
    found = faults_of(Page(nbformat.read(path, as_version=4), lesson.stem, lesson.claims, kinds, frozenset(references())))
    if lesson.edition == 2:
        assert not found, f"{lesson.stem}: {found}"
    else:
        assert found, f"{lesson.stem} follows all rules: take {lesson.name} out of FIRST_EDITION"


def test_the_miniature_is_as_the_document_says(tmp_path):
    assert miniature.write_sources(tmp_path).name == f"{miniature.STEM}.py" and len(miniature.blocks()) == 3 and "exercises" not in sys.modules
