"""Recorded: the big teacher cut to low rank, as it is, trained on with labels, and distilled from the whole."""

import copy
from functools import lru_cache

from distill_helpers.course.teachers import big_teacher
from distill_helpers.data import load_digits, make_views
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models.factored import truncate_hidden
from distill_helpers.strategies import HardLabels, SoftTargets
from distill_helpers.training import Recipe, Teacher, distill

NAME = "sharing_and_low_rank_low_rank"
DATA = ["mnist5k.npz"]
TOLERANCE = {"before": 0.03, "accuracy": 0.03}
SEEDS = tuple(range(5))
RANKS = (2, 4, 8, 16, 32, 64)
TUNING = Recipe(steps=200, lr=5e-4)
AFTER = {"trained on labels": HardLabels(), "distilled": SoftTargets(2.0, 0.9)}
SETTINGS = [{"rank": rank, "after": after} for rank in RANKS for after in AFTER]


@lru_cache(maxsize=1)
def pool_and_teacher():
    """8 views of the training digits and the whole teacher's answers to them."""
    pool = make_views(load_digits().train, 8, 2)
    return pool, Teacher(big_teacher()).over(pool)


@lru_cache(maxsize=2)
def cut(rank: int):
    """The teacher with all hidden layers at this rank."""
    return truncate_hidden(big_teacher(), rank)


def tuned(setting: dict, seeds=SEEDS):
    """Students that start from the cut teacher; the seeds differ in the order of the data only."""
    pool, teacher = pool_and_teacher()
    begin = cut(setting["rank"])
    return distill(lambda: copy.deepcopy(begin).requires_grad_(), teacher, pool, AFTER[setting["after"]], seeds=seeds, recipe=TUNING)


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One rank and one way to train on: accuracy before and after, one row a seed."""
    test = load_digits().test
    before = accuracy(cut(setting["rank"])(test.x), test.labels).item()
    trained = tuned(setting, seeds)
    right = accuracy(trained.predict(test), test.labels)
    return [{"parameters": trained.parameters, "seed": s, "before": before, "accuracy": right[i].item()} for i, s in enumerate(seeds)]
