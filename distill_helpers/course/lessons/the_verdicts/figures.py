"""Everything that the second edition's verdicts rest on, drawn."""

import textwrap
from itertools import groupby

from distill_helpers.course.ledger import forest_rows
from distill_helpers.show import Picture, figure, forest

ROWS = 20  # in one figure, so that it fits a screen
WIDE = 46  # letters in a line of a row's name
LIMIT = 8  # multiples of m; what lies beyond is an arrow at the edge
NONE = "No reading with a margin has been published for the second edition yet."


def pictures(folder=None) -> list[Picture]:
    """The second edition's readings in forests of at most 20 rows; a claim is not divided where it fits one. folder: where verdicts.json lies."""
    panels, panel = [], []
    for _, rows in groupby(forest_rows(folder), lambda row: row.name.split()[0].rstrip(":")):
        rows = list(rows)
        if panel and len(panel) + len(rows) > ROWS:
            panels.append(panel)
            panel = []
        panel = panel + rows
        while len(panel) > ROWS:
            panels.append(panel[:ROWS])
            panel = panel[ROWS:]
    return [_picture(panel, number) for number, panel in enumerate([*panels, *([panel] if panel else [])], 1)]


def readings(folder=None) -> None:
    """Show them; where there are none, say so."""
    shown = pictures(folder)
    for picture in shown:
        figure(picture)
    if not shown:
        print(NONE)


def _picture(rows, number: int) -> Picture:
    named = [row._replace(name=textwrap.fill(row.name.replace("_", " ").replace(".", ", "), WIDE)) for row in rows]
    fig, alt = forest(named, "difference, multiples of m", limit=LIMIT)
    first, last = rows[0].name.split()[0].rstrip(":"), rows[-1].name.split()[0].rstrip(":")
    claims = first if first == last else f"{first} to {last}"
    fig.axes[0].tick_params(axis="y", labelsize=7)
    said = (f"Readings of {claims}, part {number}, each in multiples of its own $m$. Thick: the interval alone; thin: together with its family. "
            f"The strokes stand at minus and plus $m$; an arrow points to what lies beyond {LIMIT}.")  # fmt: skip
    return Picture(fig, " ".join(alt.split()), said)
