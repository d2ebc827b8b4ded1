"""Exercises: a word, a reading, an interval of one's own."""

import numpy as np
import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake
from distill_helpers.course.exercises.kinds import Experiment, Judgement, Option
from distill_helpers.measure.crossed import mean_squares, paired_variance, two_way
from distill_helpers.measure.kinds import word_of_gain

TRUTH, WORLDS = 0.01, 400
NARROW = 0.97  # of the width that Student's t asks for; 1.96 gives 0.95
_FEW = "Your intervals are narrower than eight replicates allow: 1.96 is for many. Which quantile, with how many degrees of freedom?"


def _intervals(generator):
    """Two intervals of each of the six words, in any order, around another m each."""

    def between(low, high):
        return float(low + (high - low) * torch.rand((), generator=generator, dtype=torch.float64))

    cases = []
    for _ in range(2):
        m = between(0.3, 2)
        cases += [(between(1.1, 2) * m, between(2.1, 3) * m, m), (between(0.1, 0.9) * m, between(1.1, 2) * m, m),
                  (between(0.1, 0.4) * m, between(0.5, 0.9) * m, m), (between(-0.9, -0.1) * m, between(0.1, 0.9) * m, m),
                  (between(-3, -2) * m, between(-1, -0.1) * m, m), (between(-2, -1.1) * m, between(0.1, 0.9) * m, m),
                  (between(-0.9, -0.1) * m, between(1.1, 3) * m, m)]  # fmt: skip
    return tuple(cases[place] for place in torch.randperm(len(cases), generator=generator).tolist())


def _sign_only(low, high, m):
    return "yes" if low > 0 else "the opposite" if high < 0 else "open"


def _no_small(low, high, m):
    found = word_of_gain(low, high, m)
    return "yes, size unsure" if found == "yes, too small to matter" else found


def _zero_is_none(low, high, m):
    return "no difference that matters" if low <= 0 <= high else word_of_gain(low, high, m)


def _one_side(low, high, m):
    return "no difference that matters" if low <= 0 <= high < m else word_of_gain(low, high, m)


def _never_none(low, high, m):
    return "open" if low <= 0 <= high else word_of_gain(low, high, m)


def world(generator: np.random.Generator) -> np.ndarray:
    """Differences [8 replicates, 300 examples] around TRUTH: luck of each replicate, taste of each test example, and the rest."""
    luck, taste = 0.045 * generator.standard_normal((8, 1)), 0.25 * generator.standard_normal(300)
    return TRUTH + luck + taste + 0.25 * generator.standard_normal((8, 300))


def _examine(answer, generator) -> str:
    rng = np.random.default_rng(int(torch.randint(2**31, (), generator=generator)))
    inside = wide = 0.0
    for _ in range(WORLDS):
        table = world(rng)
        low, high = (float(end) for end in answer(table.copy()))
        if not low <= high:
            return "The lower end must come first, and neither may be missing."
        inside += low <= TRUTH <= high
        wide += (high - low) / (2 * two_way(table).half)
    if inside < 0.9 * WORLDS:
        return "Your intervals miss the truth too often: which source of variation have you left out?"
    if wide < NARROW * WORLDS:
        return _FEW
    if wide > 1.5 * WORLDS:
        return "Your intervals hold the truth, but they are more than half as wide again as they need to be."
    return ""


def _t_over(axis):
    def answer(table):
        means = table.mean(axis)
        half = 2.0 * means.std(ddof=1) / len(means) ** 0.5
        return table.mean() - half, table.mean() + half

    return answer


def _normal(table):
    half = 1.96 * paired_variance(mean_squares(table))[0] ** 0.5
    return table.mean() - half, table.mean() + half


def _range(table):
    means = table.mean(0)
    return means.min(), means.max()


def _reference(table):
    d = two_way(table)
    return d.low, d.high


EXERCISES = [
    Exercise("1", "The word of a gain.", word_of_gain, _intervals, (
        Mistake(_sign_only, "You look at the sign alone: hold both ends against m as well."),
        Mistake(_no_small, "An interval above zero that never reaches m is too small to matter; its size is known well enough."),
        Mistake(_never_none, "An interval around zero that stays within m on both sides says more than open."),
        Mistake(_zero_is_none, "An interval that reaches beyond m or minus m has not shown that nothing is there: it is open."),
        Mistake(_one_side, "You hold one end against m only: an interval that reaches below minus m leaves a loss that matters open."),
    )),
    Judgement("2", "With a method, accuracy rises by +0.3 [-0.1, +0.7] points over 8 replicates; m is 0.5. Its control, a teacher that was never "
                   "trained, rises by +0.3 [-0.2, +0.8]. What may you write?", (
        Option("The teacher's knowledge brings 0.3 points.", "Zero lies in the interval, and the control rises as much: nothing is shown."),
        Option("The method makes no difference.", "A gain of 0.7 points lies in the interval and beyond m: it is not excluded."),
        Option("Whether the method gains anything is open, and so is why.",
               "Right: the interval holds zero and reaches beyond m, and its control rises as much, so that no cause is shown.", right=True),
        Option("The method gains, by an amount that is too small to matter.", "Then it must lie above zero and end below m; it does neither."),
    )),
    Experiment("3", "An interval that covers replicates and test examples.", _examine, _reference, (
        Mistake(_t_over(1), "Your intervals miss the truth too often: which source of variation have you left out?"),
        Mistake(_range, "Your intervals hold the truth, but they are more than half as wide again as they need to be."),
        Mistake(_normal, _FEW),
        Mistake(lambda table: (table.mean() + 1, table.mean()), "The lower end must come first, and neither may be missing."),
    )),
]  # fmt: skip
