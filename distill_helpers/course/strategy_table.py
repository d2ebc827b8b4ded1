"""docs/strategies.md, drawn from the package: each strategy with its acronym, its paper and its file.

A strategy's file may say of itself ``ABOUT = {"acronym": ..., "paper": ...}``; for the older ones the acronyms stand in ``strategies.acronyms``
and the papers in the page itself.
"""

import inspect
import re
from pathlib import Path

from distill_helpers import strategies
from distill_helpers.checks import InputError
from distill_helpers.course.paths import repository
from distill_helpers.strategies.acronyms import about, acronyms

PAGE = "docs/strategies.md"
ROW = re.compile(r"^\| *(\w*) *\| `(\w+)` \| *(.*?) *\| \[(\S+)\]\(\.\./(\S+)\) \|$", re.MULTILINE)
NONE = "–"  # the field's paper for what has none


def kinds() -> dict[str, type]:
    """{name: class} of all strategies, in the order in which the package imports them."""
    named = {name: value for name, value in vars(strategies).items() if inspect.isclass(value) and issubclass(value, strategies.Strategy)}
    return {name: kind for name, kind in named.items() if kind is not strategies.Strategy}


def refreshed_table(page: str) -> str:
    """The page with its table drawn anew. Raises InputError for a strategy of which neither its file nor the page names a paper."""
    papers = {name: paper for _, name, paper, _, _ in ROW.findall(page) if paper not in ("", NONE)}
    papers |= {name: NONE for _, name, paper, _, _ in ROW.findall(page) if name not in papers}
    short = {name: acronym for acronym, name in acronyms().items()}
    rows = []
    for name, kind in kinds().items():
        paper = about(kind).get("paper") or papers.get(name)
        if paper is None:
            raise InputError(f'{name} must name its paper: ABOUT = {{"paper": "Author et al., venue year"}} in its file, or "{NONE}".')
        path = Path(inspect.getsourcefile(kind)).resolve().relative_to(repository().resolve()).as_posix()
        rows.append(f"| {short.get(name, '')} | `{name}` | {paper} | [{'/'.join(path.split('/')[-2:])}](../{path}) |".replace("|  |", "| |", 1))
    found = list(re.finditer(r"^\|.*\|$\n?", page, re.MULTILINE))
    return page[: found[2].start()] + "\n".join(rows) + "\n" + page[found[-1].end() :]


def refresh_table() -> list[Path]:
    """Draw the table anew; returns the page where it changed."""
    page = repository() / PAGE
    old = page.read_text(encoding="utf-8")
    new = refreshed_table(old)
    if new != old:
        page.write_text(new, encoding="utf-8")
    return [page] if new != old else []
