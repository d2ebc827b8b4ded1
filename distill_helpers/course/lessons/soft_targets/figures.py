"""The lesson's pictures, each with its alt text and caption."""

import math

import matplotlib.pyplot as plt
import numpy as np

from distill_helpers.course.lessons.soft_targets.arms import ONLY, ONLY_ON
from distill_helpers.course.lessons.soft_targets.measured import SOFT
from distill_helpers.course.lessons.soft_targets.records_longer import ONLY_AS_BEFORE
from distill_helpers.course.lessons.soft_targets.records_pooled import ONLY_LONGER, SOFT_LONGER
from distill_helpers.course.lessons.soft_targets.tuned import TUNED
from distill_helpers.show import PALETTE, Data, Loss, Net, Picture, curves, drawing, family_rows, forest, heat_map, looks, on_page
from distill_helpers.show.figure import PAGE

# the lines of the picture over the number of labels, in order of the legend
SHOWN = ("soft targets, all images", "pseudo-labels", "class means", "soft targets, labelled images", "self-training")


@on_page
def flow(teacher, student):
    """What flows where in the lesson's main arm."""
    parts = {"teacher's half": Data("1,250 labelled digits"), "student's half": Data("1,250 digits"),
             "teacher": Net(teacher, frozen=True, note="trained on its half first"), "student": Net(student),
             "some labels": Data("of the student's half"), "soft loss": Loss("T² KL(p ‖ q)"), "hard loss": Loss("cross-entropy")}  # fmt: skip
    arrows = [("teacher's half", "teacher", "before"), ("student's half", "teacher"), ("student's half", "student"),
              ("teacher", "soft loss", "logits"), ("student", "soft loss", "logits"), ("student", "hard loss", "logits"),
              ("some labels", "hard loss")]  # fmt: skip
    return drawing("Half teaches, half learns", parts, arrows,
                   "The teacher learns from one half of the digits and is frozen. The student sees the other half: the teacher's answers to all "
                   "of it, and the labels of some. The teacher never had a label of the student's half.")  # fmt: skip


@on_page
def digits(images, labels):
    """Some digits of the student's half, each over its label or a question mark. labels: words."""
    from distill_helpers.show import samples

    return Picture(samples(images, labels, columns=10, size=0.68), f"{len(images)} handwritten digits; under each its label, or a question mark",
                   "Digits of the student's half. Those with a question mark have no label; the student sees the image alone.")  # fmt: skip


@on_page
def views(pool, examples):
    """Views of a few digits."""
    from distill_helpers.show import views_grid

    return Picture(views_grid(pool, examples, views=8, size=0.8), f"{len(examples)} digits in eight views each, moved by up to two pixels",
                   "Each row is one digit in 8 of its 32 views. A view moves the digit by up to two pixels in each direction.")  # fmt: skip


@on_page
def teacher_learns(run, accuracy):
    """The teacher's loss. accuracy: on validation, a fraction."""
    ax = curves({"teacher": run}, unit="cross-entropy, nats", title="The teacher learns its half", log=True)
    fall = math.log10((run.history["hard"][:10].mean() / run.history["hard"][-10:].mean()).item())
    return Picture(ax.figure, f"The teacher's cross-entropy on a logarithmic axis against the step, falling by {fall:.1f} powers of ten",
                   "The loss of the teacher over its training on its half, on a logarithmic axis. Of the validation digits, which it "
                   f"never saw, it answers {accuracy:.1%} rightly.")  # fmt: skip


@on_page
def beliefs(images, answers, temperatures=(1.0, 4.0, 16.0), digit=0):
    """One digit beside the teacher's probabilities at several temperatures. answers: logits [N, 10]."""
    fig, axes = plt.subplots(1, 1 + len(temperatures), figsize=(PAGE, 2.1), width_ratios=(0.8, *[1.3] * len(temperatures)))
    _image(axes[0], images[digit])
    tops = []
    for ax, temperature in zip(axes[1:], temperatures, strict=True):
        tops.append(_bars(ax, answers[digit], temperature))
    axes[1].set_ylabel("probability")
    said = ", ".join(f"{top:.2f} at T = {t:g}" for t, top in zip(temperatures, tops, strict=True))
    return Picture(fig, f"A handwritten digit and three bar charts of the teacher's ten probabilities; the largest is {said}",
                   "One answer at three temperatures. Look at the bars beside the largest: heat lifts them, and keeps their order.")  # fmt: skip


@on_page
def belief(images, answers, temperature=1.0, digit=0):
    """One digit beside the teacher's probabilities."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(6, 2.4), width_ratios=(1, 2.6))
    _image(left, images[digit])
    top = _bars(right, answers[digit], temperature)
    right.set(xlabel="class", ylabel="probability")
    return Picture(fig, f"A handwritten digit and the teacher's ten probabilities at temperature {temperature:g}, the largest {top:.2f}",
                   "The teacher's answer to one digit at one temperature.")  # fmt: skip


def _image(ax, image):
    ax.imshow(np.asarray(image).squeeze(), cmap="gray_r")
    ax.set_axis_off()


def _bars(ax, z, temperature):
    z = np.asarray(z, dtype=float) / temperature
    p = np.exp(z - z.max())
    p /= p.sum()
    ax.bar(range(len(p)), p, color=PALETTE[0])
    ax.set(xticks=range(len(p)), ylim=(0, 1.02), title=f"T = {temperature:g}: largest {p.max():.2f}")
    ax.title.set_fontsize(9)
    ax.tick_params(labelsize=8)
    return p.max()


@on_page
def gradient_sizes(sizes):
    """Mean size of the gradient with and without T². sizes: {temperature: (with, without)}."""
    heat, (kept, lost) = list(sizes), zip(*sizes.values(), strict=True)
    fig, ax = plt.subplots(figsize=(5.6, 2.9))
    for values, name, look in zip((kept, lost), ("with T²", "without"), looks(2), strict=True):
        ax.plot(heat, values, label=name, ms=5, **look)
    ax.plot(heat, [lost[-1] * (heat[-1] / t) ** 2 for t in heat], color="0.4", lw=0.9, ls=":", label="1 / T², through the last point")
    ax.set(xscale="log", yscale="log", xlabel="temperature T", ylabel="mean size of the gradient", xticks=heat)
    ax.set_xticks(heat, [f"{t:g}" for t in heat])
    ax.minorticks_off()
    ax.legend(fontsize=8)
    return Picture(fig, f"Mean gradient against temperature, both axes logarithmic: with T² from {kept[0]:.2g} to {kept[-1]:.2g}, without it from "
                   f"{lost[0]:.2g} to {lost[-1]:.2g}, which nears a line of slope minus two",
                   "The size of the soft term's gradient by temperature. Without T² it falls along the dotted line of slope −2 once T is large; "
                   "with T² it levels off.")  # fmt: skip


@on_page
def students_learn(found):
    """The students' losses in one comparison."""
    fig, axes = plt.subplots(1, 2, figsize=(PAGE, 2.9), sharex=True)
    for ax, (term, title) in zip(axes, (("hard", "cross-entropy on labels"), ("soft", "the soft term")), strict=True):
        shown = {}
        for arm in sorted(found.where, key=lambda name: name == "alone"):  # so that a colour is the same arm in both panels
            run, place, arms = found.where[arm]
            values = np.asarray(run.history[term][:, place::arms]) if term in run.history else np.array([[np.nan]])
            if np.isfinite(values).any() and values.any():
                shown[arm] = (np.arange(1, len(values) + 1), values)
        curves(shown, ax=ax, unit="nats", title=title, log=True)
    return Picture(fig, "Loss curves on logarithmic axes: on the left the terms that are made from labels, on the right the soft term",
                   "Both terms as the optimiser sees them, weight and T² included, so their heights do not compare. Look at the shapes: "
                   "has each of them levelled off when the learning rate reaches zero?")  # fmt: skip


@on_page
def regimes(found):
    """Gain over alone at each number of labels, the picture of README. found: Measured."""
    counts = sorted(set(found.rows.labels))
    fig, ax = plt.subplots(figsize=(PAGE, 4.2))
    said = []
    for place, (arm, look) in enumerate(zip(SHOWN, looks(len(SHOWN)), strict=True)):
        gains = {n: found.gain(n, arm) for n in counts if arm in found.arms(n)}
        if not gains:
            continue
        where = np.array([counts.index(n) for n in gains]) + 0.03 * (place - 2)
        means = np.array([100 * d.mean for d in gains.values()])
        reach = np.array([[100 * (d.mean - d.low), 100 * (d.high - d.mean)] for d in gains.values()]).T
        ax.errorbar(where, means, yerr=reach, label=arm, ms=5, lw=1.2, elinewidth=1.2, **look)
        said.append(f"{arm} " + ", ".join(f"{m:+.1f} at {n}" for n, m in zip(gains, means, strict=True)))
    ax.axhline(0, color="black", lw=0.8)
    ax.set_xticks(range(len(counts)), [f"{n:,}" for n in counts[:-1]] + [f"{counts[-1]:,} (all)"])
    ax.set(xlabel="labels that the student has, of its 1,250 digits", ylabel="gain over alone, points")
    ax.legend(fontsize=8)
    replicates = found.rows.replicate.nunique()
    return Picture(fig, f"Gain in test accuracy over the same student alone, by number of labels: {'; '.join(said)}",
                   f"Gain in test accuracy over the same student trained alone on the same labels, with 95 % intervals over {replicates} "
                   "replicates and 2,000 test digits; the marks at one number are moved apart "
                   "so that all can be seen. With all labels, soft targets on labelled images, pseudo-labels and self-training are "
                   "other arms under another name, and are left out.")  # fmt: skip


README_DPI = 110


def readme_picture(found, path):
    """Write the picture of README, ``regimes``, as PNG to ``path`` and return the path."""
    from distill_helpers.show import style

    with plt.rc_context():
        style()
        fig = regimes.picture(found).fig
        fig.savefig(path, format="png", dpi=README_DPI, metadata={"Software": None})
    plt.close(fig)
    return path


@on_page
def gains(found, labels=200):
    """All arms against alone at one number of labels, as a forest."""
    arms = [arm for arm in found.arms(labels) if arm != "alone"]
    rows = family_rows({arm + bare(labels, arm): found.gain(labels, arm) for arm in arms}, 0.5, 100)
    fig, alt = forest(rows, "gain over alone, points", f"{labels:,} labels: alone {found.accuracy(labels, 'alone').mean:.1%}")
    return Picture(fig, alt, f"Gain of each arm over the student alone with {labels:,} labels. Thick: each interval alone; thin: together "
                   "with the others. Grey strokes mark half a point, the smallest difference that matters. Where none was chosen, the arm "
                   "learns from labels alone.")  # fmt: skip


def bare(labels, arm) -> str:
    """What the search left of an arm, where it chose to do without what names it; else nothing."""
    numbers = TUNED.get(labels, {}).get(arm, {})
    return " (none chosen)" if numbers.get("smoothing") == 0 or (numbers.get("weight") == 0 and "teacher" in arm) else ""


@on_page
def grid(rows, labels=200, mark=True):
    """Validation accuracy over temperature and weight, each at the best of its rates. rows: of ``searched``."""
    first = sorted(rows.replicate.unique())[:2]
    mine = rows[(rows.labels == labels) & (rows.arm == SOFT) & rows.replicate.isin(first) & (rows.weight_decay == 0.05)]
    means = mine.groupby(["temperature", "weight", "lr"]).accuracy.mean().groupby(["temperature", "weight"]).max().reset_index()
    silent = means[means.weight == 0].accuracy.iloc[0]
    table = means[means.weight > 0].pivot_table(index="temperature", columns="weight", values="accuracy")
    table = table.loc[table.notna().all(axis=1)]  # steps beyond an edge were tried at one weight
    table.insert(0, 0.0, silent)
    where = np.unravel_index(int(np.argmax(table.to_numpy())), table.shape) if mark else None
    ax = heat_map(table, list(table.index), [float(c) for c in table.columns], row_label="temperature", column_label="weight of the teacher",
                  unit="validation accuracy", mark=where)  # fmt: skip
    top = table.to_numpy().max()
    ax.set_title(f"{labels:,} labels: best {top:.3f}")
    return Picture(ax.figure, f"Heat map of validation accuracy with {labels:,} labels over {len(table)} temperatures and {table.shape[1]} "
                   f"weights, from {table.to_numpy().min():.3f} to {top:.3f}",
                   f"Accuracy on the 500 validation digits with {labels:,} labels, the mean of two search replicates, at the best of three "
                   "rates. The best cell is framed; the last round chose between neighbours of it. Weight 0 is labels alone, on batches "
                   "of all images.")  # fmt: skip


@on_page
def reliability(found, labels, arms, bins=10):
    """Accuracy within bins of confidence, with intervals over replicates, and how many answers each bin holds."""
    fig, (top, below) = plt.subplots(2, 1, figsize=(5.6, 5.2), sharex=True, height_ratios=(2.4, 1))
    top.plot([0, 1], [0, 1], color="black", lw=0.8, ls=":", label="honest")
    edges, said = np.linspace(0, 1, bins + 1), []
    for place, (arm, look) in enumerate(zip(arms, looks(len(arms)), strict=True)):
        right, sure = found.right(labels, arm), found.confidence(labels, arm)
        number = np.clip(np.ceil(sure * bins).astype(int), 1, bins) - 1
        count = np.array([(number == b).sum() for b in range(bins)])
        x, y, low, high = [], [], [], []
        for b in np.flatnonzero(count >= 40):
            each = np.array([right[r][number[r] == b].mean() for r in range(len(right)) if (number[r] == b).any()])
            middle, half = each.mean(), _half(each)
            x.append(sure[number == b].mean() + 0.006 * (place - 1))
            y.append(middle), low.append(min(half, middle)), high.append(min(half, 1 - middle))
        top.errorbar(x, y, yerr=[low, high], ms=4, lw=1.2, elinewidth=1, label=arm, **look)
        below.step((edges[:-1] + edges[1:]) / 2, count / len(right), where="mid", color=look["color"], linestyle=look["linestyle"], label=arm)
        said.append(f"{arm} from {y[0]:.2f} at confidence {x[0]:.2f} to {y[-1]:.2f} at {x[-1]:.2f}")
    top.set(ylabel="accuracy", ylim=(0, 1.03), xlim=(0, 1.02))
    top.legend(fontsize=8)
    below.set(xlabel="confidence", ylabel="answers a student", yscale="log")
    return Picture(fig, f"Reliability over {bins} bins of confidence: {'; '.join(said)}; below, the number of answers in each bin",
                   f"Above: accuracy against confidence with {labels:,} labels, mean and 95 % interval over replicates, for bins "
                   f"that hold 40 answers or more over all of them. Below: how many of its 2,000 answers a student has in each of the {bins} "
                   "bins, on average. A point under the dotted line claims too much, a point above it too little.")  # fmt: skip


def _half(values):
    """Half-width of the mean's 95 % interval over replicates; 0 for a single one."""
    from distill_helpers.measure.statistics import interval

    return interval(values).half if len(values) > 1 else 0.0


@on_page
def threes(recalls, false):
    """The digit that no student saw: recalls of it, and the share of the other digits that are ``false`` 3s. Both {name: [seeds]}, fractions."""
    from distill_helpers.show import seeds_plot

    fig, axes = plt.subplots(1, 2, figsize=(PAGE, 0.9 + 0.45 * len(recalls)), width_ratios=(1.4, 1), sharey=True)
    said = []
    for ax, shares, unit in zip(axes, (recalls, false), ("test 3s recognised, %", "other digits called 3, %"), strict=True):
        percent = {name: 100 * np.asarray(v, dtype=float) for name, v in shares.items()}
        seeds_plot(percent, ax=ax, unit=unit)
        ax.set_xlim(left=-0.03 * ax.get_xlim()[1])
        said.append(unit + ": " + "; ".join(f"{name} {v.mean():.1f}" for name, v in percent.items()))
    axes[0].set_xlim(-3, 103)
    return Picture(fig, f"Two panels of eight students each. {'. '.join(said)}",
                   "Dots are eight students, the diamond is their mean with its 95 % interval over students. No student ever saw a 3. On the "
                   "right is the price: other digits that are taken for a 3.")  # fmt: skip


@on_page
def training_on(found):
    """C02 as it is judged: training on with labels, against stopping and against distilling longer."""
    values, onlys = {}, {"answers only, k + n": ONLY_LONGER, "that, settings of k": ONLY_AS_BEFORE}
    for labels, name in ((1250, "all labels"), (200, "200 labels")):
        for on, before, how in (("distil, then labels", SOFT, ""), (ONLY_ON, ONLY, ", answers only")):
            rivals = {"stopping after k": before, "distilling k + n": SOFT_LONGER} | (onlys if how else {})
            for what, arm in rivals.items():
                values[f"{name}{how}: against {what}"] = found.gain(labels, on, arm)
    fig, alt = forest(family_rows(values, 0.5, 100), "gain of training on with labels, points")
    return Picture(fig, alt, "What training on with labels for 500 steps adds to 1,000 steps of distillation. Answers only: the distilling before "
                   "used no label; k + n steps may use them. Thick: alone; thin: together. Grey strokes: half a point.")  # fmt: skip
