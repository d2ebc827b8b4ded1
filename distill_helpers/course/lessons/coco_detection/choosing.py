"""Which settings a search chose, by mean average precision on validation, and what is tried beyond an edge."""

import math

from distill_helpers.course.lessons.coco_detection.ways import WAYS

NUMBERS = ("lr", "weight_decay", "weight", "threshold")


def best(rows: list[dict]) -> dict:
    """The setting with the best mean ap over the search's replicates, the first of equals, as numbers by name."""
    means: dict = {}
    for row in rows:
        means.setdefault(tuple((n, row[n]) for n in NUMBERS if _told(row.get(n))), []).append(row["ap"])
    return dict(max(means, key=lambda cell: round(sum(means[cell]) / len(means[cell]), 6)))


def at_edges(arm: str, rows: list[dict]) -> dict:
    """{number: value} of the chosen setting that is the smallest or largest of what was tried, natural bounds apart."""
    found = {}
    for name, value in best(rows).items():
        tried = sorted({row[name] for row in rows if _told(row.get(name))})
        if len(tried) > 1 and value in (tried[0], tried[-1]) and (name, value) not in WAYS[arm].bounds:
            found[name] = value
    return found


def beyond_edges(arm: str, rows: list[dict]) -> list[dict]:
    """The chosen setting with each number that stands at an edge moved one step beyond it: as many times as lies between the last two tried, and
    a threshold by as much, up to 1.
    """
    chosen, found = best(rows), []
    for name, value in at_edges(arm, rows).items():
        tried = sorted({row[name] for row in rows if _told(row.get(name)) and row[name] > 0})
        last, one_before = (tried[0], tried[1]) if value == tried[0] else (tried[-1], tried[-2])
        further = (last + 1) / 2 if name == "threshold" and value == tried[-1] else last * last / one_before
        found.append(chosen | {name: float(f"{further:.6g}")})
    return found


def chosen_rows(tuned: dict) -> list[dict]:
    """One row a regime and arm for ``dh.table``: the settings that the search chose."""
    return [{"boxes": regime, "arm": arm} | numbers for regime, arms in tuned.items() for arm, numbers in arms.items()]


def _told(value) -> bool:
    return value is not None and not math.isnan(value)
