"""docs/strategies.md: every strategy with its acronym, paper and file, as its docstring and its module have them."""

import inspect
import re

import pytest

import distill_helpers.strategies as strategies
from distill_helpers.course.paths import repository
from distill_helpers.strategies.acronyms import ACRONYMS
from distill_helpers.strategies.contract import Strategy

ROOT = repository()
ROW = re.compile(r"\| *(\w*) *\| `(\w+)` \| (.+?) \| \[(\S+)\]\(\.\./(\S+)\) \|")
ROWS = [match.groups() for line in (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8").splitlines() if (match := ROW.match(line))]
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
    assert {a for a, n in ACRONYMS.items() if n == name} == ({acronym} if acronym else set())
    if acronym:
        assert getattr(strategies, acronym) is found
    said = inspect.getsource(inspect.getmodule(found))
    for year in re.findall(r"\d{4}", paper):
        assert year in said, f"{name}'s module does not name {year}"


def test_an_unknown_name_stays_unknown():
    with pytest.raises(AttributeError, match="XKD"):
        _ = strategies.XKD
