"""The lesson's own pictures: emoji on photographs, their views, and the side experiments."""

import matplotlib.pyplot as plt
import numpy as np

from distill_helpers.course.lessons.cifar10.measured import AT_05, TUNED
from distill_helpers.measure.kinds import word
from distill_helpers.show import Picture, Row, forest, looks, on_page, samples, views_grid
from distill_helpers.show.figure import PAGE

SMALLEST = 1.0  # point of accuracy, the m of C22
PAIRS = {"short": ("short, soft targets", "short, alone"), "long": ("long, soft targets", "long, alone"),
         "long, mixup": ("long, mixup, soft targets", "long, mixup, alone")}  # fmt: skip
SOFT_4, SOFT_2, SOFT_9 = "soft targets, T 4", "soft targets, T 2", "soft targets, T 2, weight 9"
STANDARD, STANDARD_9 = "standardised, T 2", "standardised, T 2, weight 9"


@on_page
def emoji(images, words):
    """Some pictures over their classes. words: the names."""
    return Picture(samples(images, words, columns=10, size=0.68), f"{len(images)} emoji on photographs or running colours, each over its class",
                   "Pictures of emoji-cifar, of the student's own. One in three is partly covered by a piece of another background.")  # fmt: skip


@on_page
def views(pool, examples):
    """The views of some pictures, one picture a row."""
    return Picture(views_grid(pool, examples, views=pool.views, size=0.8), f"{len(examples)} pictures, each in {pool.views} views",
                   f"Each row is one picture in its {pool.views} views: mirrored or not, and moved by up to two pixels. All are made by indexing "
                   "tensors, at once for the whole set.")  # fmt: skip


@on_page
def norms(found):
    """Accuracy alone and distilled under both norms."""
    fig, ax = plt.subplots(figsize=(PAGE, 2.3))
    said = []
    names = [f"{norm}, {arm}" for norm in ("BatchNorm", "GroupNorm") for arm in ("alone", "soft targets")]
    for place, (name, look) in enumerate(zip(names, looks(len(names)), strict=True)):
        d = found.mean(name).times(100)
        ax.plot(100 * found.column(name), np.full(len(found.column(name)), place + 0.22), "o", ms=3, alpha=0.4, color=look["color"])
        ax.errorbar(d.mean, place, xerr=[[d.mean - d.low], [d.high - d.mean]], ms=6, **look)
        said.append(f"{name} {d.mean:.1f} %")
    ax.set_yticks(range(len(names)), names)
    ax.set(ylim=(len(names) - 0.4, -0.5), xlabel="test accuracy, %, all labels")
    return Picture(fig, f"Test accuracy of a narrow residual student under two norms: {'; '.join(said)}",
                   "A residual student of a quarter of the teacher's widths, with the norm as published and with one that keeps no statistics of "
                   "the batch. Dots are replicates; beside them the mean with its 95 % interval.")  # fmt: skip


@on_page
def standardised(found):
    """What standardising gains, as published and with the weight given to plain soft targets as well."""
    rows = []
    for name, d in {
        "as published: against T 4, weight 0.9": found.gain(STANDARD_9, SOFT_4, TUNED, AT_05),
        "against T 2, weight 9": found.gain(STANDARD_9, SOFT_9),
        "weight 9 alone, on plain soft targets": found.gain(SOFT_9, SOFT_4, TUNED, AT_05),
        "each at its best rate, weight 0.9: against T 2": found.gain(STANDARD, SOFT_2),
        "each at its best rate, weight 0.9: against T 4": found.gain(STANDARD, SOFT_4),
    }.items():
        d = d.times(100)
        rows.append(Row(name, d.mean, d.low, d.high, m=SMALLEST, word=word("gain", d.low, d.high, SMALLEST)))
    fig, alt = forest(rows, "gain, points", "standardised logits")
    return Picture(fig, alt, "The first row changes three things at once: the logits, the temperature and the size of the loss. The others change "
                   "one at a time. Upper three: the published rate 0.05. Grey strokes: one point.")  # fmt: skip


@on_page
def recipes(found):
    """Alone and distilled under three recipes, and the gain between."""
    fig, (ax, gap) = plt.subplots(1, 2, figsize=(PAGE, 3.0), sharey=True, width_ratios=(1.5, 1))
    said = []
    for place, (name, pair) in enumerate(PAIRS.items()):
        for arm, look, off in zip(pair, looks(2), (-0.1, 0.1), strict=True):
            d = found.mean(arm).times(100)
            ax.errorbar(d.mean, place + off, xerr=[[d.mean - d.low], [d.high - d.mean]], ms=6,
                        label=arm.rsplit(", ", 1)[1] if not place else None, **look)  # fmt: skip
        g = found.gain(*pair).times(100)
        gap.errorbar(g.mean, place, xerr=[[g.mean - g.low], [g.high - g.mean]], fmt="D", ms=5, color="black")
        said.append(f"{name}: gain {g.mean:+.1f} points")
    gap.axvline(0, color="black", lw=0.8)
    ax.set_yticks(range(len(PAIRS)), PAIRS)
    ax.set(ylim=(len(PAIRS) - 0.5, -0.5), xlabel="test accuracy, %")
    gap.set_xlabel("gain of soft targets, points")
    fig.legend(loc="outside lower center", ncols=2, fontsize=8)
    return Picture(fig, f"Accuracy alone and with soft targets under three recipes; {'; '.join(said)}",
                   "The same student with all labels under three recipes: short, six times as long, and as long on mixed pictures. On the right "
                   "the paired gain of soft targets, with its 95 % interval over replicates.")  # fmt: skip


@on_page
def at_a_recipe(found, recipe: int = 0):
    """One recipe alone: all replicates, joined from alone to soft targets."""
    name = list(PAIRS)[recipe]
    soft, alone = (100 * found.column(arm) for arm in PAIRS[name])
    every = np.concatenate([100 * found.column(arm) for pair in PAIRS.values() for arm in pair])
    fig, ax = plt.subplots(figsize=(5.2, 3.2))
    for a, s in zip(alone, soft, strict=True):
        ax.plot([0, 1], [a, s], "o-", color="0.55", ms=4, lw=1)
    ax.plot([0, 1], [alone.mean(), soft.mean()], "D-", color="black", ms=6)
    ax.set_xticks([0, 1], ["alone", "soft targets"])
    ax.set(xlim=(-0.4, 1.4), ylim=(every.min() - 1, every.max() + 1), ylabel="test accuracy, %", title=name)
    d = found.gain(*PAIRS[name]).times(100)
    return Picture(fig, f"{name}: {len(alone)} replicates alone and with soft targets; gain {d.mean:+.1f} points",
                   f"{name}: each grey line is one replicate, the black one the mean. The gain is {d.mean:+.1f} points, "
                   f"[{d.low:+.1f}, {d.high:+.1f}].")  # fmt: skip
