"""Figures in documents, drawn from the store: spots between ``<!-- finding:KEY -->`` and ``<!-- /finding -->`` are refreshed and compared.

finding:KEY is the sentence, number:KEY its number with interval and replicates, verdict:C02 or verdict:C04/deploys the verdict's words,
verdicts:LESSON all verdicts of a lesson, evidence:C11//3 or evidence:C20/the critic alone/1 in points the so manyth statement that a verdict of
the first edition rests on (its mean and interval are fractions, unless a unit is named), and ledger the paragraph that counts all verdicts.
"""

import re
from pathlib import Path

from distill_helpers.checks import InputError
from distill_helpers.course.first_edition import said_numbers
from distill_helpers.course.ledger import ledger, synthesis
from distill_helpers.course.paths import repository
from distill_helpers.course.store import read_rows
from distill_helpers.measure.formatting import UNITS, amount

PAGES = ("README.md", "docs/experiment_log.md")
_SPOT = re.compile(r"(<!-- (finding|number|verdicts?|evidence|ledger)(?::([^>]*?))? -->)(.*?)(<!-- /\2 -->)", re.DOTALL)
_OPENING = re.compile(r"<!-- /?(?:finding|number|verdicts?|evidence|ledger)\b")


def refreshed(text: str, results: Path) -> str:
    """The text with every spot drawn anew from the results. Raises InputError for a spot that is not closed, or that names nothing stored."""
    if 2 * len(_SPOT.findall(text)) != len(_OPENING.findall(text)):
        raise InputError("every marked spot must be opened and closed, as <!-- finding:KEY -->...<!-- /finding -->, but one is not.")
    return _SPOT.sub(lambda spot: spot[1] + _drawn(spot[2], spot[3] or "", results) + spot[5], text)


def pages() -> list[Path]:
    """The documents that may hold marked spots."""
    return [repository() / name for name in PAGES]


def stale_pages(results: Path | None = None) -> list[Path]:
    """The documents whose spots are not what the results give."""
    results = results or repository() / "results"
    return [page for page in pages() if (text := page.read_text(encoding="utf-8")) != refreshed(text, results)]


def refresh_pages() -> list[Path]:
    """Draw all spots anew; returns the documents that changed."""
    changed = stale_pages()
    for page in changed:
        page.write_text(refreshed(page.read_text(encoding="utf-8"), repository() / "results"), encoding="utf-8")
    return changed


def _drawn(kind: str, key: str, results: Path) -> str:
    if kind == "ledger":
        return synthesis(results)
    if kind in ("finding", "number"):
        rows = {row["key"]: row for row in read_rows(results, "findings")}
        if key not in rows:
            raise InputError(f"a marked spot names the finding {key!r}, which no lesson has stored.")
        return rows[key]["sentence" if kind == "finding" else "number"]
    if kind == "verdicts":
        return _verdicts(key, results)
    if kind == "evidence":
        return _evidence(key, results)
    claim, _, part = key.partition("/")
    table = ledger(results)
    mine = table[(table.claim == claim) & (table.part == part)]
    if len(mine) != 1:
        raise InputError(f"a marked spot must name one verdict of the ledger, as C02 or C04/deploys, but {key!r} names {len(mine)}.")
    row = mine.iloc[0]
    form = f", {row.form}" if row.form else ""
    return f"{row.verdict}{form}{' (first edition)' if row.edition == 'first edition' else ''}"


def _verdicts(lesson: str, results: Path) -> str:
    """All verdicts that a lesson has recorded, first edition or second."""
    rows = [row for row in read_rows(results, "verdicts") if row["lesson"] == lesson]
    if not rows:
        raise InputError(f"a marked spot names the lesson {lesson!r}, which has recorded no verdict.")
    said = [f"{row['claim']}{_after(' (', row['part'], ')')} {row['verdict']}{_after(', ', row.get('form'))}" for row in rows]
    return "; ".join(said) + (" (first edition)" if any(row["edition"] == 1 for row in rows) else "")


def _evidence(key: str, results: Path) -> str:
    """One statement of a first-edition verdict with its answer, mean and interval; they count from 1, the stated ones first."""
    claim, _, rest = key.partition("/")
    part, _, place = rest.rpartition("/")
    place, _, unit = place.partition(" in ")
    rows = [row for row in read_rows(results, "verdicts") if row["edition"] == 1 and (row["claim"], row["part"]) == (claim, part)]
    items = [item for row in rows for item in (*row["stated"], *row["corrected"])]
    if len(rows) != 1 or not place.isdecimal() or not 1 <= int(place) <= len(items) or unit not in UNITS:
        raise InputError(f"a marked spot must name one statement of a first-edition verdict, as C11//3, but {key!r} names none.")
    item = items[int(place) - 1]
    numbers = item["numbers"]
    if unit:
        factor = UNITS[unit][0]
        said = amount(*(factor * numbers[name] for name in ("low", "mean", "high")), unit) + f", {numbers['seeds']} seeds"
    else:
        said = said_numbers({name: numbers[name] for name in ("mean", "low", "high", "seeds") if name in numbers})
    return f"{item['evidence']}: {item['holds']}{_after(' (', said, ')')}"


def _after(before: str, words: str | None, behind: str = "") -> str:
    return f"{before}{words}{behind}" if words else ""
