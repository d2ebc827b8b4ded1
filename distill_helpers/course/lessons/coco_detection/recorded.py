"""The pictures of the lesson's records: average precision by size, what goes wrong, and what the control leaves of a gain."""

import matplotlib.pyplot as plt
import numpy as np

from distill_helpers.course.applications.ways import ALONE
from distill_helpers.course.lessons.coco_detection.results import Detections
from distill_helpers.course.lessons.coco_detection.ways import OTHER, PKD, SOFT
from distill_helpers.measure.detection_errors import KINDS, RIGHT
from distill_helpers.measure.statistics import interval
from distill_helpers.show import Picture, family_rows, forest, looks, on_page
from distill_helpers.show.figure import PAGE

SMALLEST = 1.0  # point of mAP, the m of C22
SIZES = {"small": "under 32 pixels", "medium": "32 to 96 pixels"}


@on_page
def by_size(results: Detections, regime: str, arms=("teacher", ALONE, SOFT, PKD)):
    """Average precision of small and of medium objects."""
    fig, axes = plt.subplots(1, len(SIZES), figsize=(PAGE, 2.4), sharey=True)
    said = []
    for ax, (size, words) in zip(axes, SIZES.items(), strict=True):
        for place, (arm, look) in enumerate(zip(arms, looks(len(arms)), strict=True)):
            d = interval(results.column(regime, arm, size)).times(100)
            ax.errorbar(d.mean, place, xerr=[[d.mean - d.low], [d.high - d.mean]], ms=6, **look)
            said.append(f"{arm}, {size}: {d.mean:.1f}")
        ax.set(xlabel="AP, points", title=f"{size}: {words}", ylim=(len(arms) - 0.5, -0.5))
    axes[0].set_yticks(range(len(arms)), arms)
    return Picture(fig, f"Average precision by size of the object, {regime}: {'; '.join(said)}",
                   f"Average precision of small and medium objects, {regime}: means with 95 % intervals over {len(results.replicates)} replicates. "
                   "Sizes are roots of areas, in pixels of the pictures before they were halved.")  # fmt: skip


@on_page
def errors(results: Detections, regime: str, arms=("teacher", ALONE, SOFT, PKD)):
    """Kinds of answers for every hundred objects, each detector at the threshold that validation chose for it."""
    fig, ax = plt.subplots(figsize=(PAGE, 2.8))
    begin, said = np.zeros(len(arms)), []
    for kind, look in zip(KINDS, looks(len(KINDS)), strict=True):
        widths = np.array([results.column(regime, arm, kind).mean() for arm in arms])
        ax.barh(range(len(arms)), widths, left=begin, color=look["color"], label=kind, edgecolor="white")
        begin += widths
        if kind == RIGHT:
            said = [f"{arm} {width:.0f} right" for arm, width in zip(arms, widths, strict=True)]
    ax.set_yticks(range(len(arms)), arms)
    ax.invert_yaxis()
    ax.set_xlabel(f"for every hundred objects, {regime}")
    fig.legend(loc="outside lower center", ncols=3, fontsize=8)
    return Picture(fig, f"Kinds of answers for every hundred objects, {regime}: {'; '.join(said)}",
                   "What each detector gets right and wrong for every hundred objects, at the threshold of its best F1 on validation. Right and "
                   "missed make a hundred together; the others are answers too many.")  # fmt: skip


@on_page
def control(results: Detections):
    """What PKD gains over alone, and over the same loss with maps of another picture."""
    values = {}
    for regime in ("all labels", "few labels", "unlabelled data"):
        for against in (ALONE, OTHER):
            name = "over alone" if against == ALONE else "over another picture's maps"
            values[f"{name}, {regime}"] = results.gain(regime, PKD, against)
    fig, alt = forest(family_rows(values, SMALLEST, 100), "gain of PKD, points of mAP", "PKD and its control")
    return Picture(fig, alt, "What PKD gains over the student alone, and over PKD with the teacher's maps of another picture. A gain counts as the "
                   "teacher's view of this very picture only if both lie above zero. Thick: alone; thin: together. "
                   "Grey strokes: one point.")  # fmt: skip


def summary(results: Detections, regime: str) -> list[dict]:
    """One row an arm for ``dh.table``: means over replicates, in points."""
    shown = {"mAP": "ap", "AP50": "ap50", "AP75": "ap75", "small": "small", "medium": "medium", "F1": "f1"}
    arms = [a for a in ("teacher", *results.arms(regime)) if results.where(regime, a)[1] == a]
    return [{"arm": arm} | {name: 100 * results.column(regime, arm, column).mean() for name, column in shown.items()} for arm in arms]
