"""Which settings a search chose, and whether any of them stands at the edge of what was tried."""

import math

from distill_helpers.course.applications.task import FEW, UNLABELLED, Application
from distill_helpers.course.applications.ways import ALONE, LONGER, WAYS

NUMBERS = ("lr", "weight_decay", "temperature", "weight", "alpha", "threshold")
def to_search(app: Application, regime: str) -> list[str]:
    """The arms that are searched in a regime; alone for longer has the numbers of alone."""
    return [arm for arm in app.arms(regime) if arm != LONGER and not (regime == UNLABELLED and arm == ALONE)]


def best(rows: list[dict]) -> dict:
    """The setting with the best mean over the search's replicates, the first of equals, as numbers by name."""
    means: dict = {}
    for row in rows:
        means.setdefault(tuple((n, row[n]) for n in NUMBERS if _told(row.get(n))), []).append(row["accuracy"])
    top = max(means, key=lambda cell: round(sum(means[cell]) / len(means[cell]), 6))
    return dict(top)


def at_edges(arm: str, rows: list[dict]) -> dict:
    """{number: value} of the chosen setting that is the smallest or largest of what was tried, natural bounds apart.

    A number of which only two values were tried is a choice between two forms, not a range.
    """
    found = {}
    for name, value in best(rows).items():
        tried = sorted({row[name] for row in rows if _told(row.get(name))})
        if len(tried) > 2 and value in (tried[0], tried[-1]) and (name, value) not in WAYS[arm].bounds:
            found[name] = value
    return found


def beyond_edges(arm: str, rows: list[dict]) -> list[dict]:
    """The chosen setting with each number that stands at an edge moved one step beyond it, a step being what lies between the last two tried."""
    chosen, found = best(rows), []
    for name, value in at_edges(arm, rows).items():
        tried = sorted({row[name] for row in rows if _told(row.get(name)) and row[name] > 0})
        step = tried[0] / tried[1] if value == tried[0] else tried[-1] / tried[-2]
        found.append(chosen | {name: float(f"{value * step:.6g}")})
    return found


def pilot(rows, tuned: dict, regime: str, arm: str, against: str = ALONE) -> float:
    """Standard deviation over the search's replicates of one arm minus another, each at its chosen setting: what a run can be planned with.

    rows: the search's table; tuned: {regime: {arm: numbers}}.
    """

    def scores(name):
        place = FEW if regime == UNLABELLED and name == ALONE else regime
        mine = rows[(rows.regime == place) & (rows.arm == name)]
        for number, value in tuned[place][name].items():
            mine = mine[mine[number] == value]
        return mine.groupby("replicate").accuracy.first()

    return float((scores(arm) - scores(against)).std(ddof=1))


def chosen_rows(tuned: dict) -> list[dict]:
    """One row a regime and arm for ``dh.table``: the settings that the search chose."""
    return [{"labels": regime, "arm": arm} | numbers for regime, arms in tuned.items() for arm, numbers in arms.items()]


def _told(value) -> bool:
    return value is not None and not math.isnan(value)
