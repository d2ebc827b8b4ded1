"""The ledger: every claim, and what became of it."""

from pathlib import Path

from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.paths import committed_results
from distill_helpers.course.verdicts import _said, read_verdicts

UNTESTED = "not yet tested"


def ledger(folder: Path | str | None = None):
    """A DataFrame with a row for every claim, and one for each part of a claim that was judged in parts.

    folder: where verdicts.json lies; the published results by default. Columns: claim, part, section, says, expected, verdict,
    notebook, evidence.
    """
    import pandas as pd

    found = read_verdicts(Path(folder) if folder else committed_results())
    rows = []
    for claim in CLAIMS.values():
        base = {"claim": claim.id, "section": claim.section, "says": claim.text, "expected": claim.expected}
        mine = [r for r in found if r["claim"] == claim.id]
        blank = {"part": "", "verdict": UNTESTED, "notebook": " ".join(claim.notebooks), "evidence": ""}
        for row in mine or [blank]:
            rows.append(base | {k: row[k] for k in ("part", "verdict", "notebook")} | {"evidence": _evidence(row)})
    return pd.DataFrame(rows)[["claim", "part", "section", "says", "expected", "verdict", "notebook", "evidence"]]


def _evidence(row: dict) -> str:
    items = [*row.get("stated", []), *row.get("corrected", [])] if row["verdict"] != UNTESTED else []
    return "; ".join(f"{e['evidence']}: {e['holds']} ({_said(e['numbers'])})" if e["numbers"] else f"{e['evidence']}: {e['holds']}"
                     for e in items)  # fmt: skip
