"""The lesson's own pictures: many classes, memory by step, places among the first answers, and other drawings."""

import matplotlib.pyplot as plt
import numpy as np
import torch

from distill_helpers.course.applications.ways import ALONE, SOFT
from distill_helpers.course.lessons.imagenet.classes import NUMBERS, STATED, parts
from distill_helpers.course.lessons.imagenet.memory import WARM
from distill_helpers.course.lessons.imagenet.vendors import ARMS, KNOWN, STRANGE, pictures
from distill_helpers.show import Picture, looks, on_page, samples
from distill_helpers.show.figure import PAGE

WHO = ("teacher", SOFT, ALONE)
MOST = 10


@on_page
def objects(images, words):
    """Some pictures over their classes. words: the names."""
    short = [word if len(word) < 13 else f"{word[:11]}…" for word in words]
    return Picture(samples(images, short, columns=7, size=0.95), f"{len(images)} emoji on photographs or running colours, each over its class",
                   "Pictures of emoji-imagenet at 32 pixels, of the student's own. One in three is partly covered by a piece of another "
                   "background.")  # fmt: skip


@on_page
def drawings(seed: int = 0, count: int = 8):
    """The same pictures in both vendors' drawings."""
    both = torch.cat([pictures(seed, vendor, count, 3).images for vendor in (KNOWN, STRANGE)])
    return Picture(samples(both, [KNOWN] * count + [STRANGE] * count, columns=count, size=0.85),
                   f"{count} emoji above in the drawings of one vendor, below the same ones in the other's, in the same places",
                   "The same classes, places, lights and surroundings, drawn by two vendors. Whoever learns from the upper row alone has never "
                   "seen a drawing of the lower one.")  # fmt: skip


@on_page
def resident(found: dict):
    """Memory by step of a process that has just trained on a stream, as ``memory.measured`` gives it."""
    steps, values = [row["step"] for row in found["rows"]], np.array([row["resident"] for row in found["rows"]])
    first = values[min(WARM, len(values) - 1)]
    fig, ax = plt.subplots(figsize=(PAGE, 2.6))
    look = looks(3)
    ax.plot(steps, values - first, label="resident", color=look[0]["color"], lw=1.6)
    ax.axhline(found["limit"], label=f"limit: {found['limit']:.0f} MB", color=look[1]["color"], ls="--", lw=1.2)
    ax.axhline(found["data"], label=f"all pictures: {found['data']:.0f} MB", color=look[2]["color"], ls=":", lw=1.6)
    ax.axvline(WARM, color="0.6", lw=0.8)
    ax.set(xlabel="step", ylabel="MB beyond the first steps", ylim=(min(-5.0, float((values - first).min()) - 2), 1.15 * found["data"]))
    fig.legend(loc="outside lower center", ncols=3, fontsize=8)
    rises = float((values[WARM:] - first).max())
    return Picture(fig, f"Resident memory against the step: it rises by {rises:.1f} MB at most after the first steps, below a limit of "
                   f"{found['limit']:.0f} MB and the {found['data']:.0f} MB of all pictures",
                   "Memory of a fresh process that trains on the stream. It is set to zero at the grey line, when everything is loaded; from there "
                   "on the limit holds.")  # fmt: skip


@on_page
def amounts(found):
    """Memory by step over some data and over ten times as many. found: ``measured.memory()``."""
    fig, ax = plt.subplots(figsize=(PAGE, 2.6))
    said = []
    for amount, look in zip(found.amounts, looks(len(found.amounts)), strict=True):
        mine = found.of(amount)
        name = f"{amount:,} pictures, {mine['data'].iloc[0]:.0f} MB"
        ax.plot(mine.step / mine.step.max(), mine.resident, label=name, lw=1.6, color=look["color"], ls=look["linestyle"])
        said.append(f"{amount:,} pictures {mine.resident.max():.0f} MB at most")
    low, high = found.rows.resident.min(), found.rows.resident.max()
    ax.set(xlabel="share of the epoch", ylabel="resident, MB", ylim=(low - 40, high + 40))
    fig.legend(loc="outside lower center", ncols=2, fontsize=8)
    return Picture(fig, f"Resident memory over one epoch for two amounts of data: {'; '.join(said)}",
                   "Resident memory of the whole process, torch and all, over an epoch of some data and of ten times as many. The axis does not "
                   "begin at zero.")  # fmt: skip


@on_page
def within(answers: dict, labels):
    """How often the label is among the first k answers. answers: {who: logits [N, classes]}."""
    fig, ax = plt.subplots(figsize=(PAGE, 2.8))
    classes, said = next(iter(answers.values())).shape[-1], []
    for (who, logits), look in zip(answers.items(), looks(len(answers)), strict=True):
        hit = logits.topk(MOST, -1).indices == labels.unsqueeze(-1)
        shares = 100 * hit.cumsum(-1).double().mean(0).numpy()
        ax.plot(range(1, MOST + 1), shares, label=who, ms=5, **look)
        said.append(f"{who} {shares[0]:.0f} % to {shares[-1]:.0f} %")
    ax.plot(range(1, MOST + 1), 100 * np.arange(1, MOST + 1) / classes, color="0.5", ls=":", label="guessing")
    ax.set(xlabel="k", ylabel="label among the first k, %", xticks=range(1, MOST + 1), ylim=(0, 100))
    fig.legend(loc="outside lower center", ncols=4, fontsize=8)
    return Picture(fig, f"Top-k accuracy for k from 1 to {MOST}: {'; '.join(said)}",
                   "How often the label is among the first k answers, on the validation pictures. Top-1 and top-5 are two points of each line; "
                   "guessing climbs as well.")  # fmt: skip


@on_page
def by_classes(found):
    """Top-1 and top-5 of teacher and tiny student over the number of classes. found: ``measured.classes()``."""
    fig, axes = plt.subplots(1, 2, figsize=(PAGE, 3.3), sharey=True)
    said = []
    for ax, (name, title, k) in zip(axes, (("accuracy", "top-1", 1), ("top5", "top-5", 5)), strict=True):
        for arm, look in zip(WHO, looks(len(WHO)), strict=True):
            values = [found.mean(n, arm, name).times(100) for n in found.values]
            means, reach = np.array([d.mean for d in values]), np.array([[d.mean - d.low, d.high - d.mean] for d in values]).T
            ax.errorbar(found.values, means, yerr=reach, label=arm if k == 1 else None, ms=5, lw=1.2, elinewidth=1.2, **look)
            said.append(f"{title} of {arm} {means[0]:.0f} % to {means[-1]:.0f} %")
        ax.plot(found.values, [100 * k / n for n in found.values], color="0.5", ls=":", label="guessing" if k == 1 else None)
        ax.set(xscale="log", xlabel="classes", title=title)
        ax.set_xticks(found.values, [str(n) for n in found.values])
        ax.minorticks_off()
    axes[0].set(ylabel="test accuracy, %", ylim=(0, 100))
    fig.legend(loc="outside lower center", ncols=4, fontsize=8)
    return Picture(fig, f"Test accuracy against the number of classes, {NUMBERS[0]} to {NUMBERS[-1]}: {'; '.join(said)}",
                   f"Accuracy of a student of fewer than {STATED:,} parameters and of its teacher, by number of classes: mean and 95 % interval "
                   f"over {len(found.column(found.values[0], 'teacher'))} replicates. All have the same number of pictures in all.")  # fmt: skip


@on_page
def at_classes(found, classes: int = 100):
    """Where the tiny student's parameters are, and how well it does, at one number of classes."""
    fig, (above, below) = plt.subplots(2, 1, figsize=(PAGE, 3.4), height_ratios=(0.8, 2))
    have, begin = parts(classes), 0
    for name, look in zip(("convolutions and norms", "head"), looks(2), strict=True):
        above.barh(0, have[name], left=begin, color=look["color"], edgecolor="white", label=f"{name}: {have[name]:,}")
        begin += have[name]
    above.axvline(STATED, color="black", lw=1)
    above.set(xlim=(0, 1.03 * STATED), yticks=[], title=f"{classes} classes: {have['all']:,} of {STATED:,} parameters")
    above.legend(fontsize=8, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.35), frameon=False)
    for place, (arm, look) in enumerate(zip(WHO, looks(len(WHO)), strict=True)):
        for name, marker, off in (("accuracy", "o", -0.13), ("top5", "D", 0.13)):
            d = found.mean(classes, arm, name).times(100)
            below.errorbar(d.mean, place + off, xerr=[[d.mean - d.low], [d.high - d.mean]], ms=6, fmt=marker, color=look["color"])
    below.set_yticks(range(len(WHO)), WHO)
    below.set(xlim=(0, 100), ylim=(len(WHO) - 0.5, -0.5), xlabel="test accuracy, %: circle top-1, diamond top-5")
    said = "; ".join(f"{arm} {100 * found.mean(classes, arm).mean:.0f} % top-1, {100 * found.mean(classes, arm, 'top5').mean:.0f} % top-5"
                     for arm in WHO)  # fmt: skip
    return Picture(fig, f"{classes} classes, {have['head']:,} of {have['all']:,} parameters in the head: {said}",
                   f"Above, what the student's parameters are spent on; the line is the article's {STATED:,}. Below, teacher, distilled student "
                   "and student alone, with 95 % intervals over replicates.")  # fmt: skip


@on_page
def by_vendor(found):
    """Accuracy of all arms on known and on strange drawings. found: ``measured.vendors()``."""
    fig, axes = plt.subplots(1, 2, figsize=(PAGE, 3.2), sharey=True)
    arms, said = ("teacher", *ARMS), []
    for ax, (vendor, title) in zip(axes, ((KNOWN, "known drawings"), (STRANGE, "strange drawings")), strict=True):
        for place, (arm, look) in enumerate(zip(arms, looks(len(arms)), strict=True)):
            d, five = found.mean(vendor, arm).times(100), found.mean(vendor, arm, "top5").times(100)
            ax.errorbar(d.mean, place, xerr=[[d.mean - d.low], [d.high - d.mean]], ms=6, **look)
            ax.plot(five.mean, place, "D", ms=5, mfc="white", color=look["color"])
            said.append(f"{title}, {arm} {d.mean:.0f} %")
        ax.set(xlim=(0, 100), ylim=(len(arms) - 0.5, -0.5), title=title, xlabel="accuracy, %")
    axes[0].set_yticks(range(len(arms)), [arm.replace(", ", ",\n") for arm in arms], fontsize=8)
    return Picture(fig, f"Accuracy on pictures in known and in strange drawings: {'; '.join(said)}",
                   f"Accuracy on both vendors' drawings, mean and 95 % interval over {len(found.column(KNOWN, 'teacher'))} replicates; white "
                   "diamonds are top-5. The teacher learnt from the known drawings alone.")  # fmt: skip
