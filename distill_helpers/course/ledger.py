"""The ledger: every claim, and what became of it."""

from pathlib import Path

from distill_helpers.course import judging
from distill_helpers.course.catalogue import LESSONS
from distill_helpers.course.claims import CLAIMS, STATEMENT, Claim
from distill_helpers.course.first_edition import said_numbers
from distill_helpers.course.paths import committed_results
from distill_helpers.course.verdicts import FRAGILE, read_verdicts, said_member

UNTESTED = "not yet tested"
FIRST, SECOND = "first edition", "second edition"
NOT_REDRAWN = (
    "the digits and their views, the fonts, drawings and photographs that pictures are made of, the architectures, the grids that arms are "
    "tuned over, and the settings chosen once for all replicates"
)
_COLUMNS = ["claim", "part", "section", "says", "expected", "verdict", "form", "firmness", "edition", "notebook", "evidence"]


def ledger(folder: Path | str | None = None):
    """A DataFrame with a row for every claim, more for one that is judged in parts; verdicts of the first edition stand until they are replaced.

    folder: where verdicts.json lies; the published results by default. Columns: claim, part, section, says, expected, verdict, form (of a verdict
    that holds in part), firmness (firm or fragile and why), edition, notebook, evidence.
    """
    import pandas as pd

    found = read_verdicts(Path(folder) if folder else committed_results())
    return pd.DataFrame([row for claim in CLAIMS.values() for row in _rows(claim, [r for r in found if r["claim"] == claim.id])])[_COLUMNS]


def synthesis(folder: Path | str | None = None) -> str:
    """A paragraph computed from the ledger's rows: how many of each verdict, in which edition, how many are fragile, what is not redrawn."""
    table = ledger(folder)
    said = []
    for edition in (SECOND, FIRST):
        mine = table[table.edition == edition]
        counts = ", ".join(f"{n} {verdict}" for verdict, n in sorted(mine.verdict.value_counts().items()))
        said.append(f"{len(mine)} verdicts of the {edition}" + (f" ({counts})" if counts else ""))
    untested = table[table.verdict == UNTESTED]
    second = table[table.edition == SECOND]
    fragile = int(second.firmness.str.startswith(FRAGILE).sum())
    return (f"{len(CLAIMS)} claims, {STATEMENT}: {'; '.join(said)}. {untested.claim.nunique()} claims have something that is not yet tested. "
            f"{fragile} verdicts of the second edition are fragile: they change at half or twice m, without one source of "
            "variation, at other timings of the same steps, or paired in another way. "
            f"Not redrawn in any replicate: {NOT_REDRAWN}.")  # fmt: skip


def forest_rows(folder: Path | str | None = None) -> list:
    """What the second edition's verdicts rest on, in multiples of m, as rows for ``show.forest``; without exact readings and those with m = 0."""
    from distill_helpers.show.forest import Row

    rows = []
    for verdict in read_verdicts(Path(folder) if folder else committed_results()):
        for reading in verdict.get("readings", ()):
            for member in reading["members"] if reading["m"] else ():
                n, head = member["numbers"], f"{verdict['claim']} {verdict['part']}".strip()
                name = ": ".join(filter(None, (head, reading["key"], member["member"])))
                scaled = [n[k] / reading["m"] if k in n else None for k in ("mean", "low", "high", "low_together", "high_together")]
                rows.append(Row(name, *scaled, m=1.0, word=member["word"]))
    return rows


def _rows(claim: Claim, found: list[dict]) -> list[dict]:
    """First what the second edition says of each part, then the first edition's rows; a blank one where there is nothing."""
    revised = f" (revised {', '.join(r.date for r in claim.revisions)})" if claim.revisions else ""
    base = {"claim": claim.id, "section": claim.section, "says": claim.text + revised, "expected": claim.expected, "form": "", "firmness": "",
            "evidence": ""}  # fmt: skip
    numbers = {lesson.name: lesson.number for lesson in LESSONS}
    second, first = ({r["part"]: r for r in found if r["edition"] == 2}, [r for r in found if r["edition"] == 1])
    rows = []
    for part in claim.parts if second else ():
        row = second.get(part.name)
        if row is None:
            rows.append(base | {"part": part.name, "verdict": UNTESTED, "edition": "", "notebook": numbers[part.home]})
            continue
        named = f" ({', '.join(row['named'])})" if row["named"] else ""
        firmness = ": ".join(filter(None, (row["firmness"], "; ".join(row["why"]))))
        rows.append(base | {"part": part.name, "verdict": row["verdict"], "form": row["form"] + named, "edition": SECOND,
                            "notebook": numbers[row["lesson"]], "firmness": firmness, "evidence": _evidence(row)})  # fmt: skip
    for row in first:
        rows.append(base | {"part": row["part"], "verdict": row["verdict"], "edition": FIRST, "notebook": numbers[row["lesson"]],
                            "evidence": _first_evidence(row)})  # fmt: skip
    blank = base | {"part": "", "verdict": UNTESTED, "edition": "", "notebook": " ".join(sorted(numbers[home] for home in claim.homes))}
    return rows or [blank]


def _evidence(row: dict) -> str:
    return "; ".join(f"{r['says']}{': ' + m['member'] if m['member'] else ''}: {m['word']}" + (f" ({said_member(r, m)})" if m["numbers"] else "")
                     for r in row["readings"] for m in r["members"])  # fmt: skip


def _first_evidence(row: dict) -> str:
    items = [*row["stated"], *row["corrected"]]
    return "; ".join(f"{e['evidence']}: {e['holds']}" + (f" ({said_numbers(e['numbers'])})" if e["numbers"] else "") for e in items)


VERDICTS = (*judging.VERDICTS, "holds with a correction", UNTESTED)
