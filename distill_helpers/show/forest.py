"""A forest plot: one line for each comparison, its interval alone and together with the others, and the smallest effect that matters."""

from typing import NamedTuple

from distill_helpers.checks import InputError, needed, not_empty
from distill_helpers.show.figure import PALETTE

WIDTH = 7.0  # inches, a page
# colour and shape say the same, so that neither has to be seen; Okabe and Ito's colours
_LOOKS = {"yes": (PALETTE[2], "o"), "yes, size unsure": (PALETTE[2], "s"), "yes, too small to matter": (PALETTE[5], "v"),
          "no difference that matters": (PALETTE[6], "d"), "the opposite": (PALETTE[1], "X"), "open": (PALETTE[4], "P")}  # fmt: skip
_OTHER = (PALETTE[0], "D")


class Row(NamedTuple):
    """One line: its name, mean and interval, the simultaneous interval if there is one, m, and the word that it was given."""

    name: str
    mean: float
    low: float
    high: float
    low_together: float | None = None
    high_together: float | None = None
    m: float | None = None
    word: str = ""


def forest(rows, unit: str = "", title: str = "", ax=None):
    """Draw rows downwards and return (figure, alt text).

    rows: ``Row``s. Thick: the interval alone; thin: together with the others; grey strokes: m on both sides of zero.
    Raises InputError for no rows, or a row whose mean does not lie in its interval.
    """
    plt, rows = needed("matplotlib.pyplot"), list(rows)
    not_empty("rows", len(rows))
    for row in rows:
        if not isinstance(row, Row) or not row.low <= row.mean <= row.high:
            raise InputError(f"rows must be Row(name, mean, low, high, ...) with the mean inside its interval, but {row!r} was given.")
    ax = ax or plt.subplots(figsize=(WIDTH, 0.9 + 0.3 * len(rows)))[1]
    drawn = {}
    for place, row in enumerate(rows):
        colour, shape = _LOOKS.get(row.word, _OTHER)
        if row.low_together is not None and row.high_together is not None:
            ax.plot([row.low_together, row.high_together], [place, place], color=colour, lw=1, ls="-")
        ax.plot([row.low, row.high], [place, place], color=colour, lw=3, ls="-", solid_capstyle="butt")
        drawn[row.word or "measured"] = ax.plot(row.mean, place, shape, color=colour, ms=6, mec="white", mew=0.7, ls="")[0]
        for edge in () if row.m is None else (-row.m, row.m):
            ax.plot([edge, edge], [place - 0.4, place + 0.4], color="0.45", lw=1.2, ls="-")
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set(xlabel=unit, title=title)
    if len(drawn) > 1 or "measured" not in drawn:
        ax.figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=min(3, len(drawn)), fontsize=8)
    return ax.figure, _alt(rows, unit)


def _alt(rows, unit: str) -> str:
    """What the figure shows, in words: each row's mean, interval and word."""
    said = [f"{r.name} {r.mean:+.3g} [{r.low:+.3g}, {r.high:+.3g}]" + (f", {r.word}" if r.word else "") for r in rows]
    return f"Forest plot of {len(rows)} comparisons{f' in {unit}' if unit else ''}, around a line at zero: {'; '.join(said)}."
