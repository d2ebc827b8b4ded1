"""Figures with alt text and numbered captions, in colours that colour-blind readers can tell apart and in strokes that survive a grey print."""

import functools
import io
from dataclasses import dataclass
from typing import Any

from distill_helpers.checks import InputError, needed, whole

# Okabe & Ito 2008, "Color Universal Design"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
STROKES = ("-", "--", "-.", ":")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
DPI = 110
PAGE = 7.0  # inches: the width of a figure on the page
_numbers: dict[str, int] = {}  # of the figures of this session, by what they say, so that a cell that is run again keeps its number


@dataclass(frozen=True)
class Picture:
    """A matplotlib figure with its alt text and caption, as a lesson's ``figures.py`` makes it.

    Raises InputError when alt or caption say nothing.
    """

    fig: Any
    alt: str
    caption: str

    def __post_init__(self):
        check_words("alt", self.alt, 4, "must say in words what the figure shows")
        check_words("caption", self.caption, 6, "must say in words what to see in the figure")


def style() -> None:
    """Readable defaults for every figure of the course."""
    plt = needed("matplotlib.pyplot")
    plt.rcParams.update({
        "axes.prop_cycle": plt.cycler(color=PALETTE, linestyle=STROKES * 2), "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.alpha": 0.25, "font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left",
        "legend.frameon": False, "figure.figsize": (PAGE, 3.4), "figure.constrained_layout.use": True,
        "svg.hashsalt": "distill_helpers", "svg.fonttype": "path",
    })  # fmt: skip


def looks(count: int) -> list[dict]:
    """Colour, line style and marker of each of ``count`` lines or groups, no two of the first 8 alike in grey. Raises InputError beyond 32."""
    whole("count", count)
    if count > 32:
        raise InputError(f"count must be at most 32, since more lines cannot be told apart, but {count} was given.")
    return [{"color": PALETTE[i % 8], "linestyle": STROKES[(i + i // 8) % 4], "marker": MARKS[(i + 2 * (i // 8)) % 8]} for i in range(count)]


def figure(fig, alt: str = "", caption: str = "") -> None:
    """Show a matplotlib figure, or a ``Picture``, as PNG with alt text in the output's metadata, and close it; or a ``Drawing`` as SVG.

    caption: what to see in it, in Markdown; it stands under the figure after the figure's number in this notebook. Figures without a
    caption have no number. Raises InputError when alt says nothing, or when a caption is shorter than six words.
    """
    plt, display = needed("matplotlib.pyplot"), needed("IPython.display").display
    if isinstance(fig, Picture):
        alt, caption, fig = alt or fig.alt, caption or fig.caption, fig.fig
    elif hasattr(fig, "svg"):  # a Drawing, which carries its own words
        display({"text/html": fig.svg, "text/plain": f"<drawing: {fig.alt}>"}, raw=True)
        show_caption(fig.caption)
        return
    check_words("alt", alt, 4, "must say in words what the figure shows")
    if caption:
        check_words("caption", caption, 6, "must say in words what to see in the figure")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(fig)
    data = {"image/png": buffer.getvalue(), "text/plain": f"<figure: {alt}>"}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})
    if caption:
        show_caption(caption)


def on_page(function):
    """A function of a lesson's ``figures.py`` that returns a Picture or a Drawing, made into one that shows it: the cell is one line.

    ``function.picture(...)`` still returns it, for ``explore`` and for tests. Raises InputError when something else is returned.
    """

    @functools.wraps(function)
    def shown(*args, **kwargs) -> None:
        picture = function(*args, **kwargs)
        if not isinstance(picture, Picture) and not hasattr(picture, "svg"):
            raise InputError(f"{function.__name__} must return a Picture or a Drawing, but it returned {type(picture).__name__}.")
        figure(picture)

    shown.picture = function
    return shown


def show_caption(caption: str) -> None:
    """Show "Figure n. caption" as Markdown; n counts the captions of this session, and a caption seen before keeps its number."""
    display = needed("IPython.display").display
    number = _numbers.setdefault(caption, len(_numbers) + 1)
    line = f"**Figure {number}.** {caption}"
    display({"text/markdown": line, "text/plain": line.replace("*", "")}, raw=True)


def forget_numbers() -> None:
    """Count captions from 1 again, as a fresh kernel does."""
    _numbers.clear()


def check_words(name: str, text, least: int, rule: str) -> None:
    """Raise InputError with the rule unless text is a string of at least ``least`` words."""
    if not isinstance(text, str) or len(text.split()) < least:
        raise InputError(f"{name} {rule}, but {text!r} was given.")
