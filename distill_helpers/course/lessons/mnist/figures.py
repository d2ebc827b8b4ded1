"""The lesson's own pictures: digits, and the compression curve."""

import matplotlib.pyplot as plt
import numpy as np

from distill_helpers.course.applications.task import ALL
from distill_helpers.course.applications.ways import ALONE, SOFT
from distill_helpers.course.lessons.mnist.sizes import CONV, KINDS, WIDTHS, parameters
from distill_helpers.show import Picture, curves, looks, on_page, samples
from distill_helpers.show.figure import PAGE


@on_page
def digits(images, labels):
    """Some digits over their labels. labels: words."""
    return Picture(samples(images, labels, columns=10, size=0.68), f"{len(images)} handwritten digits, each over its label or a question mark",
                   "Digits of the student's half. A question mark stands where labels are few and this digit has none.")  # fmt: skip


@on_page
def two_learn(rows):
    """Accuracy on validation of a few students, from the rows of a Curve."""
    names = list(dict.fromkeys(row["name"] for row in rows))
    mine = {name: [row for row in rows if row["name"] == name] for name in names}
    ax = curves(mine, unit="accuracy on validation", title="One replicate")
    ends = "; ".join(f"{name} {kept[-1]['accuracy']:.3f}" for name, kept in mine.items())
    return Picture(ax.figure, f"Accuracy on validation against the step for {len(names)} students, which end at {ends}",
                   "Accuracy on the validation digits while both students learn. The learning rate falls to zero at the end; look at where the "
                   "curves level off, and at how much they jump from look to look.")  # fmt: skip


@on_page
def compression(found, regime: str = ALL, teacher: float | None = None):
    """Accuracy by number of parameters, alone and distilled, for both kinds of student. teacher: its mean accuracy."""
    fig, axes = plt.subplots(1, 2, figsize=(PAGE, 3.3), sharey=True)
    said = []
    for ax, kind in zip(axes, KINDS, strict=True):
        sizes = [parameters(kind, w) for w in WIDTHS[kind]]
        for arm, look in zip((ALONE, SOFT), looks(2), strict=True):
            values = [found.accuracy(kind, w, regime, arm) for w in WIDTHS[kind]]
            means = 100 * np.array([d.mean for d in values])
            reach = 100 * np.array([[d.mean - d.low, d.high - d.mean] for d in values]).T
            ax.errorbar(sizes, means, yerr=reach, label=arm, ms=5, lw=1.2, elinewidth=1.2, **look)
            said.append(f"{kind}, {arm}: {means[0]:.0f} % at {sizes[0]:,} to {means[-1]:.0f} % at {sizes[-1]:,} parameters")
        if teacher is not None:
            ax.axhline(100 * teacher, color="0.4", lw=1, ls=":", label="teacher, 113,610 parameters")
        ax.set(xscale="log", xlabel="parameters of the student", title=kind)
    axes[0].set_ylabel("test accuracy, %")
    axes[0].legend(fontsize=8, loc="lower right")
    return Picture(fig, f"Test accuracy against parameters on a logarithmic axis, {regime}: {'; '.join(said)}",
                   f"The compression curve, {regime}: accuracy by the student's size, alone and distilled, with 95 % intervals over replicates and "
                   "test digits. Read it across: how much further right must the student alone go to stand as high?")  # fmt: skip


@on_page
def at_a_size(found, place: int = 0, kind: str = CONV):
    """The gain at one size in both regimes, beside the whole curve."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 2.8), width_ratios=(1.5, 1))
    width = WIDTHS[kind][place]
    sizes, number = [parameters(kind, w) for w in WIDTHS[kind]], parameters(kind, width)
    for (regime, arm), look in zip([(r, a) for r in found.regimes for a in (ALONE, SOFT)], looks(4), strict=True):
        means = [100 * found.accuracy(kind, w, regime, arm).mean for w in WIDTHS[kind]]
        left.plot(sizes, means, ms=4, label=f"{arm}, {regime}", **look)
    left.axvline(number, color="0.3", lw=1)
    left.set(xscale="log", xlabel="parameters", ylabel="test accuracy, %", title=f"{number:,} parameters")
    left.legend(fontsize=7)
    gains = [found.gain(kind, width, regime).times(100) for regime in found.regimes]
    right.errorbar([d.mean for d in gains], range(len(gains)), xerr=np.array([[d.mean - d.low, d.high - d.mean] for d in gains]).T, fmt="o", ls="",
                   color=looks(1)[0]["color"])  # fmt: skip
    right.axvline(0, color="black", lw=0.8)
    right.set_yticks(range(len(gains)), [r.replace(" ", "\n") for r in found.regimes])
    right.set(xlabel="gain of soft targets, points", ylim=(len(gains) - 0.5, -0.5))
    said = "; ".join(f"{r} {d.mean:+.1f} points" for r, d in zip(found.regimes, gains, strict=True))
    return Picture(fig, f"A student of {number:,} parameters, {kind}: gain of soft targets {said}",
                   "Left, accuracy over all sizes; the line is the chosen one. Right, what soft targets add there, with its interval.")  # fmt: skip


def worth_rows(found) -> list[dict]:
    """One row a size and regime for ``dh.table``: the factor that a teacher is worth, with its interval over replicates."""
    rows = []
    for regime in found.regimes:
        for width in WIDTHS[CONV]:
            d = found.worth(CONV, width, regime)
            row = {"labels": regime, "parameters": f"{parameters(CONV, width):,}"}
            rows.append(row | ({"times": None, "low": None, "high": None} if d is None else
                               {"times": 2**d.mean, "low": 2**d.low, "high": 2**d.high}))  # fmt: skip
    return rows
