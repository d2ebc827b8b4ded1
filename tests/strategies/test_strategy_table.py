"""docs/strategies.md: every strategy with its acronym, paper and file, as its docstring and its module have them."""

import inspect
import re

import pytest

import distill_helpers.strategies as strategies
from distill_helpers.checks import InputError
from distill_helpers.course.paths import repository
from distill_helpers.course.strategy_table import PAGE, ROW, refreshed_table
from distill_helpers.strategies.acronyms import ACRONYMS, acronyms
from distill_helpers.strategies.contract import Strategy

ROOT = repository()
TEXT = (ROOT / PAGE).read_text(encoding="utf-8")
ROWS = ROW.findall(TEXT)
PLUMBING = {"Strategy"}


def classes():
    return {n for n in strategies.__all__ if inspect.isclass(c := getattr(strategies, n)) and issubclass(c, Strategy)} - PLUMBING


def test_the_table_is_whole():
    listed = [row[1] for row in ROWS]
    assert len(listed) == len(set(listed)) and set(listed) == classes()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_each_row_is_true(row):
    acronym, name, paper, shown, path = row
    found = getattr(strategies, name)
    assert inspect.getsourcefile(found) == str(ROOT / path) and path.endswith(shown)
    assert {a for a, n in acronyms().items() if n == name} == ({acronym} if acronym else set())
    if acronym:
        assert getattr(strategies, acronym) is found
    said = inspect.getsource(inspect.getmodule(found))
    for year in re.findall(r"\d{4}", paper):
        assert year in said, f"{name}'s module does not name {year}"


def test_the_table_is_as_it_is_drawn():
    assert refreshed_table(TEXT) == TEXT, "runner texts draws it anew"


def test_a_strategy_says_of_itself_what_the_table_needs(monkeypatch):
    module = inspect.getmodule(strategies.NoisyTeacher)
    monkeypatch.setattr(module, "ABOUT", {"acronym": "NT", "paper": "Nobody et al., 1999"}, raising=False)
    assert "| NT | `NoisyTeacher` | Nobody et al., 1999 |" in refreshed_table(TEXT) and strategies.NT is strategies.NoisyTeacher
    monkeypatch.setattr(module, "ABOUT", {})
    without = "\n".join(line for line in TEXT.splitlines() if "`NoisyTeacher`" not in line) + "\n"
    with pytest.raises(InputError, match="NoisyTeacher must name its paper"):
        refreshed_table(without)
    assert "NT" not in ACRONYMS


def test_an_unknown_name_stays_unknown():
    with pytest.raises(AttributeError, match="XKD"):
        _ = strategies.XKD
