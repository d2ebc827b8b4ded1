"""A forest plot: one line for each comparison, its interval alone and together with the others, and the smallest effect that matters."""

from typing import NamedTuple

from distill_helpers.checks import InputError, needed, not_empty, positive
from distill_helpers.measure.families import simultaneous
from distill_helpers.measure.kinds import word
from distill_helpers.show.figure import PALETTE

WIDTH = 7.0  # inches, a page
# colour and shape say the same, so that neither has to be seen; Okabe and Ito's colours
_LOOKS = {"yes": (PALETTE[2], "o"), "yes, size unsure": (PALETTE[2], "s"), "yes, too small to matter": (PALETTE[5], "v"),
          "no difference that matters": (PALETTE[6], "d"), "the opposite": (PALETTE[1], "X"), "open": (PALETTE[4], "P"),
          "yes, by more than m": (PALETTE[2], "^"), "no, by less than m": (PALETTE[1], "v"), "not worse": (PALETTE[2], "p"),
          "worse": (PALETTE[1], "p"), "the same": (PALETTE[6], "h"), "not the same": (PALETTE[1], "h"),
          "leaves out zero": (PALETTE[1], "s")}  # fmt: skip
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


def family_rows(differences: dict, m: float, factor: float = 1.0) -> list[Row]:
    """A row for each of a family of gains: its interval alone, together with the others, and its word.

    differences: {name: Difference} over the same replicates. m: the smallest effect that matters, in the unit that is shown. factor: what makes
    that unit of theirs, 100 for points of a fraction. Raises InputError as ``measure.simultaneous``.
    """
    shown = {name: d.times(factor) for name, d in differences.items()}
    together = simultaneous(shown)
    return [Row(name, d.mean, d.low, d.high, together[name].low, together[name].high, m, word("gain", d.low, d.high, m))
            for name, d in shown.items()]  # fmt: skip


def forest(rows, unit: str = "", title: str = "", ax=None, limit: float | None = None):
    """Draw rows downwards and return (figure, alt text).

    rows: ``Row``s. Thick: the interval alone; thin: together with the others; grey strokes: m on both sides of zero. limit: where the axis ends
    on both sides; a mean beyond it is an arrow at the edge.
    Raises InputError for no rows, a row whose mean does not lie in its interval, or a limit that is not above zero.
    """
    plt, rows = needed("matplotlib.pyplot"), list(rows)
    not_empty("rows", len(rows))
    if limit is not None:
        positive("limit", limit)
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
        mark = ax.plot(row.mean, place, shape, color=colour, ms=6, mec="white", mew=0.7, ls="")[0]
        drawn.setdefault(row.word or "measured", mark)
        if limit is not None and abs(row.mean) > limit:
            edge = limit if row.mean > 0 else -limit
            ax.plot(edge, place, ">" if edge > 0 else "<", color=colour, ms=9, ls="", clip_on=False)
        for edge in () if row.m is None else (-row.m, row.m):
            ax.plot([edge, edge], [place - 0.4, place + 0.4], color="0.45", lw=1.2, ls="-")
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(range(len(rows)), [row.name for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.set(xlabel=unit, title=title)
    if limit is not None:
        ax.set_xlim(-limit, limit)
    if len(drawn) > 1 or "measured" not in drawn:
        ax.figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=min(3, len(drawn)), fontsize=8)
    return ax.figure, _alt(rows, unit)


def _alt(rows, unit: str) -> str:
    """What the figure shows, in words: each row's mean, interval and word."""
    said = [f"{r.name} {r.mean:+.3g} [{r.low:+.3g}, {r.high:+.3g}]" + (f", {r.word}" if r.word else "") for r in rows]
    return f"Forest plot of {len(rows)} comparisons{f' in {unit}' if unit else ''}, around a line at zero: {'; '.join(said)}."
