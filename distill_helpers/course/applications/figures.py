"""The pictures that all applications draw: what flows where, gains, curves on validation, seconds to a quality."""

import matplotlib.pyplot as plt

from distill_helpers.course.applications.results import Results
from distill_helpers.course.applications.task import ALL, REGIMES
from distill_helpers.course.applications.ways import ALONE
from distill_helpers.show import Data, Loss, Net, Picture, Row, curves, drawing, family_rows, forest, looks, on_page
from distill_helpers.show.figure import PAGE

SMALLEST = 1.0  # point of accuracy, the m of C22


@on_page
def flow(teacher, student, teaches: str, mine: str):
    """What flows where. teaches, mine: the teacher's and the student's examples, in words."""
    parts = {"teacher's images": Data(teaches), "student's images": Data(mine),
             "teacher": Net(teacher, frozen=True, note="trained on its images first"), "student": Net(student),
             "labels": Data("all, or a few"), "soft loss": Loss("T² KL(p ‖ q)"), "hard loss": Loss("cross-entropy")}  # fmt: skip
    arrows = [("teacher's images", "teacher", "before"), ("student's images", "teacher"), ("student's images", "student"),
              ("teacher", "soft loss", "logits"), ("student", "soft loss", "logits"), ("student", "hard loss", "logits"),
              ("labels", "hard loss")]  # fmt: skip
    return drawing("One teaches, one learns", parts, arrows,
                   "The teacher learns from its own images and is frozen. The student sees other images: their labels, as far as it has "
                   "them, and the teacher's answers. No label of the student's images ever reaches the teacher.")  # fmt: skip


def gain_rows(results: Results, regime: str, arms=None) -> list[Row]:
    """A row of a forest plot for each arm of a regime: its gain over alone in points, alone and together with the other arms."""
    others = [arm for arm in arms or results.arms(regime) if arm != ALONE and results.where(regime, arm) != results.where(regime, ALONE)]
    return family_rows({arm: results.gain(regime, arm) for arm in others}, SMALLEST, 100)


@on_page
def gains(results: Results, regime: str):
    """All arms of a regime against the student alone."""
    fig, alt = forest(gain_rows(results, regime), "gain over alone, points",
                      f"{regime}: alone {results.column(regime, ALONE, results.measure).mean():.1%}, "
                      f"teacher {results.column(regime, 'teacher', results.measure).mean():.1%}")  # fmt: skip
    return Picture(fig, alt, f"Gain in test {results.says} over the student alone, {regime}, with 95 % intervals over "
                   f"{len(results.replicates)} replicates, thick alone and thin together. Grey strokes mark one point on both sides of "
                   "zero, the smallest difference that matters here.")  # fmt: skip


@on_page
def learning(results: Results, regime: str, arms=()):
    """The measure on validation while the arms are trained: alone, ``soft`` and ``pseudo`` of the results, unless said."""
    arms = arms or (ALONE, results.soft, results.pseudo)
    shown = {arm: results.looks(regime, arm) for arm in arms if arm == ALONE or results.where(regime, arm) != results.where(regime, ALONE)}
    ax = curves(shown, unit=f"{results.says} on validation", title=regime)
    mine, alone = results.reached(regime, results.soft)
    said = "; ".join(f"{arm} ends at {values[-1].mean():.3f}" for arm, (_, values) in shown.items())
    return Picture(ax.figure, f"{results.says.capitalize()} on validation against the step, {regime}: {said}",
                   f"{results.says.capitalize()} on validation by step, mean and 95 % interval over {len(results.replicates)} replicates. The "
                   f"quality that both reach is seen first after {mine.mean():.0f} steps with {results.soft}, after "
                   f"{alone.mean():.0f} alone.")  # fmt: skip


@on_page
def seconds(results: Results, regime: str = ALL):
    """Seconds to the quality that both arms reach, taken apart: the teacher's training, its answers, the student's steps."""
    arms, soft = (ALONE, results.soft), results.soft
    mine, alone = results.reached(regime, soft)
    steps = {ALONE: alone.mean(), soft: mine.mean()}
    parts = {"teacher's training": {soft: results.seconds["teacher"]}, "teacher's answers": {soft: results.seconds["teacher's answers"]},
             "student's steps": {arm: steps[arm] * results.step_seconds(arm) for arm in arms}}  # fmt: skip
    fig, ax = plt.subplots(figsize=(PAGE, 1.9))
    begin = dict.fromkeys(arms, 0.0)
    for (name, took), look in zip(parts.items(), looks(len(parts)), strict=True):
        widths = [took.get(a, 0.0) for a in arms]
        ax.barh(range(len(arms)), widths, left=list(begin.values()), color=look["color"], label=name, edgecolor="white")
        begin = {a: begin[a] + took.get(a, 0.0) for a in arms}
    ax.set_yticks(range(len(arms)), arms)
    ax.invert_yaxis()
    ax.set(xlabel=f"seconds on one core until the common quality, {regime}")
    fig.legend(loc="outside lower center", ncols=3, fontsize=8)
    said = "; ".join(f"{a} {begin[a]:.1f} s" for a in arms)
    return Picture(fig, f"Bars of seconds until the quality that both reach: {said}",
                   "Where the time goes. Each part was timed alone on an idle machine. One teacher can serve many students: then its share "
                   "is divided among them.")  # fmt: skip


@on_page
def questions(results: Results):
    """Steps and time spared in each regime, as shares of a whole run."""
    spared, limit = {}, 100.0
    for regime in REGIMES:
        spared[f"steps, {regime}"] = results.steps_saved(regime)
        spared[f"time, teacher trained already, {regime}"] = results.time_saved(regime, teacher=False)
    fig, alt = forest(family_rows(spared, 10.0, 100), "spared on the way to the common quality, % of a run", limit=limit)
    return Picture(fig, alt, f"What {results.soft} spare until both arms have first shown the same quality on validation, as a share of "
                   "the student's whole run alone. Grey strokes mark a tenth, the smallest share that matters. Thick "
                   "intervals stand alone, thin ones together. Negative: they take longer.")  # fmt: skip


def summary(results: Results, regime: str) -> list[dict]:
    """One row an arm for ``dh.table``: means over replicates, and the gain with its interval."""
    rows = []
    for arm in ("teacher", *results.arms(regime)):
        if arm != "teacher" and arm != ALONE and results.where(regime, arm) == results.where(regime, ALONE):
            continue
        row = {"arm": arm} | {name: results.column(regime, arm, name).mean() for name in ("accuracy", "nll", "ece", "agreement")}
        rows.append(row)
    return rows
