"""What an application's records hold, as differences with intervals, and as the measurements that claim C22 asks for."""

from copy import copy

import numpy as np

from distill_helpers.checks import InputError, one_of
from distill_helpers.course.applications.costs import ANSWERS, TEACHER
from distill_helpers.course.applications.task import ALL, FEW, REGIMES, UNLABELLED, Application
from distill_helpers.course.applications.ways import ALONE, LONGER, PSEUDO, SAME_WITH_LABELS, SOFT, WAYS
from distill_helpers.course.records import read_outcomes, read_record
from distill_helpers.measure.crossed import two_way
from distill_helpers.measure.statistics import Difference, paired

CONDITIONS = (FEW, UNLABELLED)


class Results:
    """An application's recorded arms. rows: the table, one row a regime, replicate and arm; seconds: {what: seconds} of ``costs``.

    An application that is no classification inherits from it: measure is the column that is better when it is larger, says its name on a figure,
    soft and pseudo are the arms that C22 asks about.
    """

    measure, says, soft, pseudo = "accuracy", "accuracy", SOFT, PSEUDO

    def __init__(self, app: Application, arms: str, costs: str | None = None):
        self.app, self.rows = app, read_record(arms)
        self.replicates = sorted(self.rows.replicate.unique().tolist())
        self.right = {}
        if app.crossed:
            for setting, packed in read_outcomes(arms):
                names = self.rows[(self.rows.regime == setting["regime"]) & (self.rows.replicate == setting["replicate"])].arm.tolist()
                for name, answers in zip(names, packed["right"][0], strict=True):
                    self.right[setting["regime"], name, setting["replicate"]] = answers
        table = read_record(costs) if costs else None
        self.tries = {} if table is None else {n: dict(zip(table.part, table[n], strict=True)) for n in ("took", "fastest", "slowest")}
        self.seconds = self.tries.get("took", {})

    def arms(self, regime: str) -> list[str]:
        """The arms of a regime, in order; the student alone with few labels stands beside those that see unlabelled images as well."""
        one_of("regime", regime, REGIMES)
        return [a for a in self.app.ways if a in self.app.arms(regime) or (regime == UNLABELLED and a in (ALONE, LONGER))]

    def where(self, regime: str, arm: str) -> tuple[str, str]:
        """(regime, arm) of the run that stands for an arm: alone has no use for images without a label, and where every image has its label,
        pseudo-labels and self-training are the student alone.
        """
        one_of("regime", regime, REGIMES)
        if arm == "teacher":
            return ALL, arm
        if regime != UNLABELLED:
            return regime, SAME_WITH_LABELS.get(arm, arm)
        return (FEW, arm) if arm in (ALONE, LONGER) else (regime, arm)

    def of(self, regime: str, arm: str):
        """The rows of one arm, in the order of replicates."""
        place, name = self.where(regime, arm)
        mine = self.rows[(self.rows.regime == place) & (self.rows.arm == name)].sort_values("replicate")
        if not len(mine):
            raise InputError(f"arm must be one of {', '.join((*self.arms(regime), 'teacher'))}, but {arm!r} was given.")
        return mine

    def column(self, regime: str, arm: str, name: str) -> np.ndarray:
        """One number a replicate, [R]."""
        return self.of(regime, arm)[name].to_numpy(dtype=float)

    def lost(self, regime: str, *arms: str) -> int:
        """Replicates in which one of the arms diverged."""
        return int(np.any([self.column(regime, arm, "diverged") > 0 for arm in arms], axis=0).sum())

    def outcomes(self, regime: str, arm: str) -> np.ndarray:
        """Right or wrong on the test examples that all replicates share, [R, examples]."""
        place, name = self.where(regime, arm)
        return np.stack([self.right[place, name, r] for r in self.replicates]).astype(float)

    def gain(self, regime: str, arm: str, against: str = ALONE, measure: str | None = None) -> Difference:
        """``measure`` of one arm minus another's, paired by replicate; by default the application's own. In accuracy the interval covers test
        examples as well: where all replicates share them by both ways of the table, else because each replicate reads its own.
        """
        measure = self.measure if measure is None else measure
        name, lost = f"{arm} - {against}", self.lost(regime, arm, against)
        shared = "teacher" not in (arm, against)
        if self.app.crossed and measure == "accuracy":
            return two_way(self.outcomes(regime, arm), self.outcomes(regime, against), name=name, shared=shared, diverged=lost)
        return paired(self.column(regime, arm, measure), self.column(regime, against, measure), name=name, diverged=lost)

    def looks(self, regime: str, arm: str) -> tuple[np.ndarray, np.ndarray]:
        """(steps [S], the measure on validation [S, R]) of one arm."""
        rows = self.of(regime, arm)
        read = lambda text: np.array(str(text).split(), dtype=float)
        return read(rows["at"].iloc[0]), np.stack([read(text) for text in rows["looks"]], 1)

    def reached(self, regime: str, arm: str, against: str = ALONE) -> tuple[np.ndarray, np.ndarray]:
        """Steps at which the arm and the other first show, on validation, the quality that both reach, [R] each.

        That quality is the smaller of their two best looks. One that diverged reaches it never: all steps of its run count.
        """
        (at, mine), (other_at, other) = self.looks(regime, arm), self.looks(regime, against)
        quality = np.minimum(mine.max(0), other.max(0))
        steps = [times[np.argmax(values >= quality, 0)] for times, values in ((at, mine), (other_at, other))]
        for place, (name, times) in enumerate(((arm, at), (against, other_at))):
            steps[place] = np.where(self.column(regime, name, "diverged") > 0, times[-1], steps[place])
        return steps[0], steps[1]

    def steps_saved(self, regime: str, arm: str | None = None) -> Difference:
        """Steps to the common quality that the arm spares, as a share of the steps of a whole run. arm: ``soft``, unless said."""
        arm = arm or self.soft
        (mine, alone), whole = self.reached(regime, arm), self.app.recipe.steps
        return paired(alone / whole, mine / whole, name=f"steps of alone - {arm}", diverged=self.lost(regime, arm, ALONE))

    def step_seconds(self, arm: str) -> float:
        """Seconds of one step."""
        return self.seconds[ALONE if arm == LONGER else self.pseudo if arm == "self-training" else arm]

    def asked_before(self, regime: str, arm: str, training: bool = True) -> float:
        """Seconds before the first step of an arm that has a teacher: its training, where it counts, and its answers to all views.

        Where labels are few and nothing else is there, it answers about those examples only.
        """
        if not self.taught(arm):
            return 0.0
        share = self.app.few / len(self.app.draw(self.replicates[0]).mine) if regime == FEW else 1.0
        return self.seconds[TEACHER] * training + self.seconds[ANSWERS] * share

    def taught(self, arm: str) -> bool:
        """Whether somebody answers in the arm."""
        return WAYS[arm].teacher

    def time_saved(self, regime: str, arm: str | None = None, teacher: bool = True) -> Difference:
        """Seconds to the common quality that the arm spares, as a share of the time of the student's whole run alone.

        teacher: whether the teacher's training counts. Its answers always do.
        """
        arm = arm or self.soft
        mine, alone = self.reached(regime, arm)
        whole, before = self.app.recipe.steps * self.step_seconds(ALONE), self.asked_before(regime, arm, teacher)
        return paired(alone * self.step_seconds(ALONE) / whole, (mine * self.step_seconds(arm) + before) / whole, name=f"time of alone - {arm}",
                      diverged=self.lost(regime, arm, ALONE))  # fmt: skip

    def timed(self, kind: bool) -> "Results":
        """The same results with other seconds out of the five tries of each part: the slowest of the student alone and the fastest of all that a
        teacher takes part in, which is kind to the teacher, or the other way round.
        """
        other = copy(self)
        away, near = ("fastest", "slowest") if kind else ("slowest", "fastest")
        other.seconds = {what: self.tries[near if what == ALONE else away][what] for what in self.seconds}
        return other

    def otherwise(self) -> dict:
        """{when: what ``shorter`` gives} at the timings that are kindest to the teacher and least kind."""
        return {"at the timings least kind to the teacher": self.timed(False).shorter(), "at the kindest": self.timed(True).shorter()}

    def easier(self) -> dict:
        """What "training is easier" asks for."""
        return {"steps": self.steps_saved(ALL), "conditions.steps": {c: self.steps_saved(c) for c in CONDITIONS}}

    def shorter(self) -> dict:
        """What "training is shorter" asks for."""
        return {"time": self.time_saved(ALL), "time_without_teacher": self.time_saved(ALL, teacher=False),
                "conditions.time": {c: self.time_saved(c) for c in CONDITIONS}}  # fmt: skip

    def better(self) -> dict:
        """What "generalises better" asks for: the student alone, the same for longer, and pseudo-labels."""
        who = {"vs_alone": ALONE, "vs_longer_alone": LONGER, "vs_pseudo_labels": self.pseudo}
        stated = {key: self.gain(ALL, self.soft, arm) for key, arm in who.items()}
        return stated | {f"conditions.{key}": {c: self.gain(c, self.soft, arm) for c in CONDITIONS} for key, arm in who.items()}
