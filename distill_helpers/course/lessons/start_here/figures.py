"""The pictures of the first page."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np

from distill_helpers.course import judging
from distill_helpers.course.ledger import ledger
from distill_helpers.course.lessons.start_here import made_up
from distill_helpers.measure.kinds import word_of_gain
from distill_helpers.measure.statistics import half_width, interval
from distill_helpers.show import PALETTE, Data, Loss, Net, Picture, Row, drawing, forest, looks, on_page

M = 0.5  # points: the smallest effect that matters on this page


@on_page
def flow(teacher, student):
    """Where the opening experiment's data and gradients go."""
    parts = {
        "one digit": Data("many pictures of it"),
        "teacher": Net(teacher, frozen=True),
        "student": Net(student),
        "soft loss": Loss("T² KL(p ‖ q)"),
    }
    arrows = [("one digit", "teacher"), ("one digit", "student"), ("teacher", "soft loss", "logits"), ("student", "soft loss", "logits")]
    return drawing("One digit teaches all ten", parts, arrows,
                   "While the student learns, both nets see pictures made of a single digit. The small net learns the big one's answers; no "
                   "label is used.")  # fmt: skip


@on_page
def made_of_one(digit, pictures):
    """One digit, and pictures made of it."""
    fig = plt.figure(figsize=(7, 2.0))
    left, right = fig.subfigures(1, 2, width_ratios=(1, 3.6))
    ax = left.subplots()
    ax.imshow(digit[0], cmap="gray_r")
    ax.set_title("the digit", loc="center", fontsize=9)
    grid = right.subplots(2, 7)
    for cell, picture in zip(grid.flat, pictures, strict=False):
        cell.imshow(picture[0], cmap="gray_r", vmin=0, vmax=255)
    right.suptitle("what is made of it", fontsize=9)
    for each in (ax, *grid.flat):
        each.set(xticks=[], yticks=[])
        each.grid(False)
        each.spines[:].set_visible(False)
    return Picture(fig, "One handwritten digit on the left; on the right fourteen pictures of turned, stretched and overlaid copies of it",
                   "One digit, and pictures of turned, stretched and moved copies of it. Is there one that you can read?")  # fmt: skip


@on_page
def read_by_each(digits, accuracy, controls):
    """The test accuracy of ten students beside the digit that each has seen. accuracy [10]; controls: {name: [10]}."""
    fig, (top, ax) = plt.subplots(2, 1, figsize=(7, 3.3), height_ratios=(1, 3.2), sharex=True)
    top.set_axis_off()
    top.set(ylim=(0, 1))
    for place, digit in enumerate(digits):
        inset = top.inset_axes([(place + 0.12) / 10, 0, 0.076, 1])
        inset.imshow(digit[0], cmap="gray_r")
        inset.set_axis_off()
    ax.bar(range(10), 100 * accuracy, 0.6, color=PALETTE[0], label="taught by the teacher")
    for look, (name, values) in zip(looks(3)[1:], controls.items(), strict=False):
        ax.plot(range(10), 100 * values, look["marker"], color=look["color"], label=name, ls="")
    ax.set(xlim=(-0.5, 9.5), ylim=(0, 100), xticks=range(10), xlabel="the one digit that a student has seen", ylabel="test digits read, %")
    ax.legend(ncols=3, fontsize=8, loc="upper center")
    low, high = 100 * accuracy.min(), 100 * accuracy.max()
    said = "; ".join(f"{name} {100 * values.mean():.0f} % on average" for name, values in controls.items())
    return Picture(
        fig,
        f"Ten bars, one for each digit that a student has seen: from {low:.0f} to {high:.0f} % of the test digits are read. {said}",
        "Ten students, each of which has seen one digit. A bar is the share of all test digits that it reads; the marks are its two controls.",
    )


@on_page
def arms(a, b, paired, unpaired):
    """Two arms over the same replicates, and what pairing does to the interval. a, b: [R], in %."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), width_ratios=(1, 1.5))
    for one, other in zip(a, b, strict=True):
        left.plot([0, 1], [one, other], "o-", color=PALETTE[0], lw=1, ms=4)
    left.set(xticks=[0, 1], xticklabels=["arm A", "arm B"], xlim=(-0.25, 1.25), ylabel="accuracy, %")
    for place, (name, d) in enumerate((("paired", paired), ("unpaired", unpaired))):
        right.plot([d.low, d.high], [place, place], color=PALETTE[place], lw=3, ls="-")
        right.plot(d.mean, place, "o", color=PALETTE[place], ms=7, mec="white")
        right.text(d.mean, place - 0.16, f"{name}: {d.mean:+.2f} [{d.low:+.2f}, {d.high:+.2f}]", ha="center", fontsize=9)
    right.axvline(0, color="black", lw=0.8)
    right.set(yticks=[], ylim=(1.5, -0.6), xlabel="B minus A, points")
    return Picture(
        fig,
        f"Left: eight lines from arm A to arm B, nearly parallel. Right: the paired interval [{paired.low:+.2f}, {paired.high:+.2f}] is "
        f"much shorter than the unpaired one [{unpaired.low:+.2f}, {unpaired.high:+.2f}]",
        "Made-up accuracies. Each line is a replicate, and nearly all lines rise alike. Pairing takes away what a replicate does to both arms.",
    )


@on_page
def six_words(examples):
    """Six comparisons, each with its word. examples: {name: Difference in points}."""
    rows = [Row(name, d.mean, d.low, d.high, m=M, word=word_of_gain(d.low, d.high, M)) for name, d in examples.items()]
    fig, alt = forest(rows, "difference, points")
    return Picture(fig, alt, "Six made-up comparisons. The grey strokes stand at minus and plus the margin $m$ of half a point. "
                             "Where the interval lies between these and zero gives the word.")  # fmt: skip


@on_page
def word_of(effect=0.5, replicates=8):
    """One comparison whose effect and number of replicates are chosen. effect: points."""
    values = effect + made_up.SPREAD * np.random.default_rng(3).standard_normal(64)[:replicates]
    d = interval(values)
    said = word_of_gain(d.low, d.high, M)
    fig, ax = plt.subplots(figsize=(6.4, 2.5))
    for low, high, shade in ((-3, 0, 0.86), (0, M, 0.93), (M, 3, 1.0)):
        ax.axvspan(low, high, color=str(shade), lw=0)
    ax.plot(values, np.linspace(0.25, 0.75, replicates), "o", ms=4, color=PALETTE[4], alpha=0.8)
    ax.plot([d.low, d.high], [0, 0], color=PALETTE[0], lw=4, ls="-", solid_capstyle="butt")
    ax.plot(d.mean, 0, "o", color=PALETTE[0], ms=8, mec="white")
    for edge in (-M, 0, M):
        ax.axvline(edge, color="black", lw=0.8, ls="-" if edge == 0 else ":")
    ax.set(xlim=(-3, 3), ylim=(-0.35, 0.95), yticks=[], xlabel="difference, points (dotted: minus and plus m)")
    ax.set_title(f"true effect {effect:+g}, {replicates} replicates: {said}")
    return Picture(
        fig,
        f"{replicates} dots around {effect:+g} points, their interval [{d.low:+.2f}, {d.high:+.2f}], and the word: {said}",
        "Dots are replicates, the bar is their interval, and the title gives the word. More replicates shorten the bar. The darkest ground lies "
        "below zero, the lighter one between zero and $m$, the white one beyond $m$.",
    )


def _changed(claim) -> str:
    """When the entry was last changed, if it was."""
    return f", last changed {max(r.date for r in claim.revisions)}" if claim.revisions else ""


@on_page
def timeline(claim, part, verdict):
    """From the register to the ledger: what happened to one part of a claim at each of five stations."""
    readings, row = part.readings, verdict.row
    numbers = [m["numbers"] for reading in row["readings"] for m in reading["members"]]
    m = sorted({f"{r.m:g} {r.unit}" for r in readings.values()})
    spread = max(100 * d.values.std(ddof=1) for d in made_up.measurements().values())
    form = f": {row['form']}" if row["form"] else ""
    now = ledger()
    published = now[now.claim == claim.id].iloc[0]
    stations = {
        "registered": f"{claim.registered}{_changed(claim)}: {len(part.stated)} readings must all hold; {len(part.weaker)} weaker forms; "
        f"m is {', '.join(m)}",
        "planned": f"at the widest spread, 8 replicates can reach ±{half_width(spread, 8):.2f} points, 16 ±{half_width(spread, 16):.2f}",
        "measured": f"{len(numbers)} differences over {numbers[0]['replicates']} replicates, handed in by key, nothing else",
        "judged": f"{verdict.verdict}{form}; {row['firmness'] or 'nothing decided'}",
        "in the ledger": f"published for {claim.id} today: {published.verdict}, {published.edition or 'no lesson has judged it'}",
    }
    fig, ax = plt.subplots(figsize=(7, 2.1))
    ax.plot([0, 4], [0, 0], color=PALETTE[0], lw=2, ls="-", zorder=0)
    for place, (name, said) in enumerate(stations.items()):
        ax.plot(place, 0, "o", ms=20, color=PALETTE[0])
        ax.text(place, 0, str(place + 1), color="white", ha="center", va="center", weight="bold")
        ax.text(place, 0.42, name, ha="center", weight="bold", fontsize=9)
        ax.text(place, -0.38, textwrap.fill(said, 20), ha="center", va="top", fontsize=7.8, linespacing=1.25)
    ax.set(xlim=(-0.55, 4.55), ylim=(-1.75, 0.75))
    ax.set_axis_off()
    alt = "; ".join(f"{place}. {name}: {said}" for place, (name, said) in enumerate(stations.items(), 1))
    return Picture(fig, f"Five stations of a verdict on {claim.id}. {alt}",
                   f"The way of claim {claim.id} from the register to the ledger. Stations 1 and 5 are real; the measurements between are made up, "
                   "to show the rules at work.")  # fmt: skip


@on_page
def measured(verdict):
    """The readings of a verdict with their intervals and words, in points."""
    rows = [Row(reading["key"], n["mean"], n["low"], n["high"], m=reading["m"], word=member["word"])
            for reading in verdict.row["readings"] for member in reading["members"] for n in [member["numbers"]]]  # fmt: skip
    fig, alt = forest(rows, "difference in the claimed direction, points")
    return Picture(fig, alt, "The measurements that were handed in, by key, and a word for each. The grey strokes stand at minus and plus $m$.")


@on_page
def over_margins(part, measurements):
    """The verdict as every margin of a part is scaled."""
    held = judging.held(part, judging.checked(part, measurements, "this claim"))
    scales = 2 ** np.linspace(-2, 2, 81)
    said = lambda scale: textwrap.fill(": ".join(filter(None, judging.rule(part, held, scale)[:2])), 26)
    found = [said(scale) for scale in scales]
    names = list(dict.fromkeys(found))
    fig, ax = plt.subplots(figsize=(7, 1.0 + 0.5 * len(names)))
    ax.axvspan(0.5, 2, color="0.93", lw=0)
    ax.axvline(1, color="black", lw=0.8, ls=":")
    ax.plot(scales, [names.index(one) for one in found], "s", ms=4, color=PALETTE[0])
    ax.set_xscale("log", base=2)
    ax.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), xlabel="the margin, in multiples of the registered m")
    ax.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    at = "; ".join(f"at {scale:g} m {' '.join(said(scale).split())}" for scale in (0.5, 1, 2))
    return Picture(
        fig,
        f"The verdict as the margin grows: {at}",
        "The verdict over the margin. Inside the grey band, from half to twice $m$, a firm verdict stays on one line; a fragile one does not.",
    )


@on_page
def worlds(alone, with_examples, truth):
    """Intervals of simulated worlds by two rules; those that miss the truth stand out. Lists of Difference."""
    fig, axes = plt.subplots(1, 2, figsize=(7, 3.2), sharex=True, sharey=True)
    counts = []
    for ax, name, found in zip(axes, ("replicates alone", "replicates and examples"), (alone, with_examples), strict=True):
        missed = 0
        for place, d in enumerate(found):
            out = not d.low <= truth <= d.high
            missed += out
            ax.plot([d.low, d.high], [place, place], color=PALETTE[1] if out else PALETTE[0], lw=2.4 if out else 1.2, ls="--" if out else "-")
        ax.axvline(truth, color="black", lw=0.8)
        ax.set(title=f"{name}: {missed} of {len(found)} miss", xlabel="difference", yticks=[])
        ax.locator_params(axis="x", nbins=5)
        counts.append(f"{missed} of {len(found)} miss the truth with {name}")
    return Picture(
        fig,
        "Two ladders of intervals around a line at the truth: " + ", ".join(counts),
        "The first simulated worlds, one interval each. The line is the truth that was put in; dashed intervals miss it.",
    )


@on_page
def family(single, together):
    """A family of comparisons with single and simultaneous intervals. {name: Difference}."""
    rows = [Row(name, d.mean, d.low, d.high, together[name].low, together[name].high, word=_about_zero(d)) for name, d in single.items()]
    fig, alt = forest(rows, "difference from the baseline")
    return Picture(fig, alt, "Twelve methods that do nothing, beside one baseline. Thick: the single interval. Thin: the simultaneous one.")


def _about_zero(d) -> str:
    return "leaves out zero" if d.low > 0 or d.high < 0 else "holds zero"
