"""Recorded: four settings for every strategy, compared on the validation digits, three seeds each."""

from functools import lru_cache

from distill_helpers.course.few_labels import BUDGETS, few_views
from distill_helpers.course.few_labels import teacher as few_labels_teacher
from distill_helpers.data import load_digits, make_views
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models.dropped_student import dropped_digits_student
from distill_helpers.strategies import (
    AdditiveMargin,
    FunctionMatching,
    HardLabels,
    LabelSmoothing,
    MarginalLoss,
    Mixup,
    MixupDistillation,
    NoisyTeacher,
    ShuffledTeacher,
    SoftTargets,
)
from distill_helpers.strategies.robust.student_dropout import StudentDropout
from distill_helpers.training import Teacher, distill

NAME = "robust_students_search"
DATA = ["mnist5k.npz"]
TOLERANCE = {"validation": 0.03}
SEEDS = (100, 101, 102)
WEIGHT = 0.9  # of the teacher, as in notebook 07
RECIPE = BUDGETS["perceptron"]


def combined(dropout=None, mixup=None, softmax=None, marginal=None):
    """The strategy with each factor that is not None: (rate, input rate), alpha, temperature, weight of the marginal term."""
    if softmax is None:
        inner = HardLabels() if mixup is None else Mixup(mixup)
    else:
        inner = SoftTargets(softmax, WEIGHT) if mixup is None else MixupDistillation(mixup, softmax, WEIGHT)
    inner = inner if marginal is None else MarginalLoss(inner, weight=marginal)
    return inner if dropout is None else StudentDropout(inner, *dropout)


# method -> (strategy of one number, the four numbers)
METHODS = {
    "labels alone": (lambda v: combined(), (0.0,)),
    "dropout": (lambda v: combined(dropout=v), ((0.1, 0.0), (0.1, 0.2), (0.2, 0.2), (0.5, 0.2))),
    "mixup": (lambda v: combined(mixup=v), (0.1, 0.2, 0.4, 1.0)),
    "softmax": (lambda v: combined(softmax=v), (2.0, 4.0, 8.0, 16.0)),
    "marginal": (lambda v: combined(marginal=v), (0.1, 0.3, 1.0, 3.0)),
    "label smoothing": (LabelSmoothing, (0.05, 0.1, 0.2, 0.4)),
    "shuffled in class": (lambda v: ShuffledTeacher(SoftTargets(v, WEIGHT), "class"), (2.0, 4.0, 8.0, 16.0)),
    "noisy teacher": (lambda v: NoisyTeacher(0.5, v), (0.1, 0.3, 0.6, 1.0)),
    "function matching": (FunctionMatching, (1.0, 2.0, 4.0, 8.0)),
    "additive margin": (AdditiveMargin, (0.5, 1.0, 2.0, 4.0)),
}
SETTINGS = [{"method": name, "choice": i} for name, (_, values) in METHODS.items() for i in range(len(values))]


@lru_cache(maxsize=2)
def views(regime: str = "200 labels"):
    """32 views of the labelled training digits: 200 of them, or all 3,500."""
    return few_views() if regime == "200 labels" else make_views(load_digits().train, 32, 2)


def big():
    """The teacher of the tournament, in evaluation mode."""
    return few_labels_teacher("big").module


@lru_cache(maxsize=2)
def teacher(regime: str = "200 labels"):
    """The big model, and its answers to the views of the regime."""
    return few_labels_teacher("big") if regime == "200 labels" else Teacher(big()).over(views(regime))


def trained(strategy, seeds, regime: str = "200 labels"):
    """One student a seed. All have masks; only dropout uses them."""
    guide = teacher(regime) if strategy.needs_teacher else None
    return distill(dropped_digits_student, guide, views(regime), strategy, seeds=seeds, recipe=RECIPE)


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One setting of one method: validation accuracy, one row a seed."""
    make, values = METHODS[setting["method"]]
    value, held = values[setting["choice"]], load_digits().validation
    right = accuracy(trained(make(value), seeds).predict(held), held.labels)
    return [{"value": str(value), "seed": s, "validation": right[i].item()} for i, s in enumerate(seeds)]
