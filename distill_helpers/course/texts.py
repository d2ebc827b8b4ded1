"""Figures in documents, drawn from the store: spots between ``<!-- finding:KEY -->`` and ``<!-- /finding -->`` are refreshed and compared.

finding:KEY is the sentence, number:KEY its number with interval and replicates, verdict:C02 or verdict:C04/deploys the verdict's words, and
ledger the paragraph that counts all verdicts.
"""

import re
from pathlib import Path

from distill_helpers.checks import InputError
from distill_helpers.course.ledger import ledger, synthesis
from distill_helpers.course.paths import repository
from distill_helpers.course.store import read_rows

PAGES = ("README.md", "docs/experiment_log.md")
_SPOT = re.compile(r"(<!-- (finding|number|verdict|ledger)(?::([^>]*?))? -->)(.*?)(<!-- /\2 -->)", re.DOTALL)
_OPENING = re.compile(r"<!-- /?(?:finding|number|verdict|ledger)\b")


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
    claim, _, part = key.partition("/")
    table = ledger(results)
    mine = table[(table.claim == claim) & (table.part == part)]
    if len(mine) != 1:
        raise InputError(f"a marked spot must name one verdict of the ledger, as C02 or C04/deploys, but {key!r} names {len(mine)}.")
    row = mine.iloc[0]
    form = f", {row.form}" if row.form else ""
    return f"{row.verdict}{form}{' (first edition)' if row.edition == 'first edition' else ''}"
