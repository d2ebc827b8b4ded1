"""Recorded for the first edition, on the first cut of the digits; lesson 06 reads it. Soft targets and controls in four regimes, ten seeds."""

from functools import lru_cache

from distill_helpers.course.teachers import SHIFT, VIEWS, big_teacher
from distill_helpers.data import load_digits, make_views
from distill_helpers.measure.calibration import accuracy, agreement, ece, nll
from distill_helpers.models import digits_student
from distill_helpers.strategies import HardLabels, LabelSmoothing, RandomTeacher, ShuffledTeacher, SoftTargets, Stages
from distill_helpers.training import Recipe, Teacher, distill

NAME = "soft_targets_regimes"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03, "nll": 0.1, "ece": 0.03, "agreement": 0.03}
SEEDS = tuple(range(10))
FULL = Recipe(steps=3000, lr=1e-2, weight_decay=0.05)
FEW = Recipe(steps=1000, lr=1e-2, weight_decay=0.05)
PER_CLASS = 20  # 200 labels in all
SOFT, HOT = SoftTargets(temperature=2.0, weight=0.9), SoftTargets(temperature=32.0, weight=1.0)
ALONE = SoftTargets(temperature=2.0, weight=1.0)

REGIMES = {
    "all labels": FULL,
    "200 labels": FEW,
    "unlabelled": FULL,
    "too hot": FULL,
}
ARMS = {
    "all labels": {
        "hard labels": HardLabels(), "label smoothing": LabelSmoothing(0.1), "soft targets": SOFT,
        "shuffled teacher": ShuffledTeacher(SOFT), "shuffled in class": ShuffledTeacher(SOFT, "class"), "random teacher": RandomTeacher(SOFT),
        "distil, then labels": Stages((SOFT, 2000), (HardLabels(), 1000)),
    },
    "200 labels": {
        "hard labels": HardLabels(), "label smoothing": LabelSmoothing(0.1), "soft targets": SOFT,
        "shuffled teacher": ShuffledTeacher(SOFT), "shuffled in class": ShuffledTeacher(SOFT, "class"), "random teacher": RandomTeacher(SOFT),
        "distil, then labels": Stages((SOFT, 667), (HardLabels(), 333)),
    },
    "unlabelled": {
        "soft targets": ALONE, "shuffled teacher": ShuffledTeacher(ALONE), "shuffled in class": ShuffledTeacher(ALONE, "class"),
        "random teacher": RandomTeacher(ALONE),
    },
    "too hot": {
        "soft targets": HOT, "shuffled teacher": ShuffledTeacher(HOT), "shuffled in class": ShuffledTeacher(HOT, "class"),
        "random teacher": RandomTeacher(HOT),
    },
}  # fmt: skip
SETTINGS = [{"regime": regime, "arm": arm} for regime, arms in ARMS.items() for arm in arms]


def images(regime: str):
    """The student's training images: all, 200 with their labels, or all without labels."""
    train = load_digits().train
    if regime == "200 labels":
        return train.per_class(PER_CLASS, seed=0)
    return train.without_labels() if regime == "unlabelled" else train


@lru_cache(maxsize=4)
def pool_and_teacher(regime: str):
    """The regime's views and the teacher's answers to them."""
    pool = make_views(images(regime), VIEWS, SHIFT)
    return pool, Teacher(big_teacher()).over(pool)


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One arm of one regime over the seeds: test accuracy, NLL, ECE and agreement with the teacher, one row a seed."""
    regime, arm = setting["regime"], setting["arm"]
    pool, teacher = pool_and_teacher(regime)
    trained = distill(digits_student, teacher, pool, ARMS[regime][arm], seeds=seeds, recipe=REGIMES[regime])
    test = load_digits().test
    logits, answers = trained.predict(test), big_teacher()(test.x)
    columns = {"accuracy": accuracy(logits, test.labels), "nll": nll(logits, test.labels), "ece": ece(logits, test.labels),
               "agreement": agreement(logits, answers)}  # fmt: skip
    return [{"seed": s} | {name: values[i].item() for name, values in columns.items()} for i, s in enumerate(seeds)]
