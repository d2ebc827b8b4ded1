"""Plots that several lessons share. Each draws into a matplotlib Axes and returns it; ``figure`` shows it with alt text."""

import numpy as np

from distill_helpers.checks import InputError, needed, not_empty, whole
from distill_helpers.measure.statistics import interval
from distill_helpers.show.figure import PALETTE

plt = needed("matplotlib.pyplot")


def seeds_plot(arms: dict, ax=None, unit: str = "", title: str = ""):
    """All seeds of each arm as dots, their mean and 95 % interval beside them. arms: {name: [seeds]}; names are listed downwards."""
    ax = ax or plt.subplots(figsize=(7, 0.5 + 0.45 * len(arms)))[1]
    for row, values in enumerate(arms.values()):
        values = np.asarray(values, dtype=float)
        colour = PALETTE[row % len(PALETTE)]
        ax.plot(values, np.full(len(values), row), "o", ms=4, alpha=0.45, color=colour)
        mean = interval(values)
        ax.errorbar(mean.mean, row + 0.22, xerr=[[mean.mean - mean.low], [mean.high - mean.mean]], fmt="D", ms=5,
                    capsize=3, color=colour)  # fmt: skip
    ax.set_yticks(range(len(arms)), list(arms))
    ax.set_ylim(len(arms) - 0.4, -0.6)
    ax.set_xlabel(unit)
    ax.set_title(title)
    return ax


def gains_plot(gains: dict, ax=None, unit: str = "", title: str = "", margin: float | None = None):
    """Paired differences as points with intervals, around a line at zero. gains: {name: Difference}."""
    ax = ax or plt.subplots(figsize=(7, 0.6 + 0.4 * len(gains)))[1]
    for row, d in enumerate(gains.values()):
        ax.plot(d.values, np.full(d.n, row), "o", ms=3, alpha=0.3, color=PALETTE[row % len(PALETTE)])
        ax.errorbar(d.mean, row, xerr=[[d.mean - d.low], [d.high - d.mean]], fmt="D", ms=5, capsize=3, color=PALETTE[row % len(PALETTE)])
    ax.axvline(0, color="black", lw=0.8)
    if margin is not None:
        ax.axvline(margin, color="black", lw=0.8, ls=":")
    ax.set_yticks(range(len(gains)), list(gains))
    ax.set_ylim(len(gains) - 0.5, -0.5)
    ax.set_xlabel(unit)
    ax.set_title(title)
    return ax


def reliability_plot(tables: dict, ax=None):
    """Accuracy against confidence per bin, with the diagonal of perfect honesty. tables: {name: reliability(...) of one model}."""
    ax = ax or plt.subplots(figsize=(4.2, 3.8))[1]
    ax.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":", label="honest")
    for number, (name, table) in enumerate(tables.items()):
        keep = np.asarray(table["share"]) > 0
        x, y = np.asarray(table["confidence"])[keep], np.asarray(table["accuracy"])[keep]
        ax.plot(x, y, "o-", ms=4, color=PALETTE[number], label=name)
    ax.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02))
    ax.legend()
    return ax


def heat_map(values, rows, columns, ax=None, row_label="", column_label="", unit="", mark=None, fmt="{:.3f}"):
    """A table of numbers [rows, columns] as colours, each cell with its number. mark: (row, column) to frame."""
    values = np.asarray(values, dtype=float)
    ax = ax or plt.subplots(figsize=(1.4 + 0.75 * len(columns), 1 + 0.42 * len(rows)))[1]
    image = ax.imshow(values, cmap="cividis", aspect="auto")
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for r in range(len(rows)):
        for c in range(len(columns)):
            shade = "white" if values[r, c] < middle else "black"
            ax.text(c, r, fmt.format(values[r, c]), ha="center", va="center", fontsize=8, color=shade)
    ax.set_xticks(range(len(columns)), [f"{c:g}" if isinstance(c, float) else str(c) for c in columns])
    ax.set_yticks(range(len(rows)), [f"{r:g}" if isinstance(r, float) else str(r) for r in rows])
    ax.set(xlabel=column_label, ylabel=row_label)
    ax.grid(False)
    if mark is not None:
        ax.add_patch(plt.Rectangle((mark[1] - 0.5, mark[0] - 0.5), 1, 1, fill=False, lw=2.5, ec=PALETTE[1]))
    ax.figure.colorbar(image, ax=ax, label=unit)
    return ax


def image_grid(images, titles=None, columns: int = 8, size: float = 0.9):
    """Grey images [N, 1, H, W] in rows, each under its title. Returns the figure. Raises InputError for no images, or not a title each."""
    whole("columns", columns)
    not_empty("images", len(images))
    count, titles = len(images), [] if titles is None else list(titles)
    if titles and len(titles) != count:
        raise InputError(f"titles must be one for each of the {count} images, but {len(titles)} were given.")
    rows = -(-count // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(columns * size, rows * (size + (0.28 if titles else 0))), squeeze=False)
    for number, ax in enumerate(axes.flat):
        ax.axis("off")
        if number < count:
            ax.imshow(np.asarray(images[number]).squeeze(), cmap="gray_r", vmin=0)
            if titles:
                ax.set_title(titles[number], fontsize=8, loc="center")
    return fig
