"""Figures with alt text, in colours that colour-blind readers can tell apart."""

import io

from distill_helpers.checks import InputError, needed

# Okabe & Ito 2008, "Color Universal Design"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
DPI = 110


def style() -> None:
    """Readable defaults for every figure of the course."""
    plt = needed("matplotlib.pyplot")
    plt.rcParams.update({
        "axes.prop_cycle": plt.cycler(color=PALETTE), "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.alpha": 0.25, "font.size": 10, "axes.titlesize": 11, "axes.titlelocation": "left",
        "legend.frameon": False, "figure.figsize": (7, 3.4), "figure.constrained_layout.use": True,
        "svg.hashsalt": "distill_helpers", "svg.fonttype": "path",
    })  # fmt: skip


def figure(fig, alt: str) -> None:
    """Show a matplotlib figure as PNG with alt text in the output's metadata, and close it.

    Raises InputError when alt says nothing.
    """
    plt, display = needed("matplotlib.pyplot"), needed("IPython.display").display
    if not isinstance(alt, str) or len(alt.split()) < 4:
        raise InputError(f"alt must say in words what the figure shows, but {alt!r} was given.")
    buffer = io.BytesIO()
    fig.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    plt.close(fig)
    data = {"image/png": buffer.getvalue(), "text/plain": f"<figure: {alt}>"}
    display(data, raw=True, metadata={"image/png": {"alt": alt}})
