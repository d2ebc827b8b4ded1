"""Recorded: clean accuracy of the supervised strategies in four regimes, with each signal taken away in turn."""

from functools import lru_cache

import torch

from distill_helpers.course.lessons.supervised_strategies.records_robust import teacher_net, views

# isort: split
from distill_helpers.course.lessons.supervised_strategies.records_robust import teacher as clean_teacher
from distill_helpers.data import load_digits, make_views
from distill_helpers.data.corrupt import label_noise
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models import digits_student
from distill_helpers.models.small_conv import digits_conv_student, digits_conv_teacher
from distill_helpers.strategies import (
    AdjustedTargets,
    AttentionTransfer,
    Combined,
    GradientAttention,
    HardLabels,
    JacobianMatching,
    LabelSmoothing,
    Relabelled,
    SimilarityPreserving,
    SoftTargets,
    VirtualAdversarial,
)
from distill_helpers.training import Recipe, Teacher, distill, fit
from distill_helpers.training.randomness import build_seeded

NAME = "supervised_strategies_signals"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03}
VOLATILE = ("loop_seconds",)
SEEDS = tuple(range(8))
NOISE = 0.4
PLAIN = Recipe(steps=400, lr=1e-2, weight_decay=0.05)
MAPS = Recipe(steps=350, lr=1e-2, weight_decay=0.05, batch_size=64)
SOFT, HALF = SoftTargets(4.0, 0.9), SoftTargets(4.0, 0.5)
SIMILAR = SimilarityPreserving("embedding", "hidden2", 300.0, labels=0.0)


def with_gradients(inner):
    """The inner strategy and the teacher's gradients."""
    return JacobianMatching(inner, 10.0)


REGIMES = {
    "200 labels": {
        "labels alone": HardLabels(), "label smoothing": LabelSmoothing(0.1), "soft targets": SOFT,
        "gradient attention": GradientAttention(1.0), "virtual adversarial": VirtualAdversarial(SOFT, 0.3, 1.0),
        "Jacobian matching": with_gradients(SOFT), "all four signals": Combined((with_gradients(SOFT), SIMILAR)),
        "without labels": Combined((with_gradients(SoftTargets(4.0, 1.0)), SIMILAR)),
        "without outputs": Combined((with_gradients(HardLabels()), SIMILAR)),
        "without gradients": Combined((SOFT, SIMILAR)), "outputs alone": SoftTargets(4.0, 1.0),
    },
    "maps, 200 labels": {
        "labels alone": HardLabels(), "soft targets": SOFT, "attention transfer": AttentionTransfer(weight=10.0),
        "soft targets and attention": Combined((SOFT, AttentionTransfer(weight=30.0, labels=0.0))),
    },
    "noisy labels": {
        "labels alone": HardLabels(), "label smoothing": LabelSmoothing(0.1), "soft targets": HALF, "soft targets, weight 0.9": SOFT,
        "relabelled": Relabelled(HALF, 0.5), "relabelled, no soft targets": Relabelled(HardLabels(), 0.5),
        "probability shift": AdjustedTargets(4.0, 0.5), "smooth regularisation": AdjustedTargets(4.0, 0.5, "smooth"),
    },
    "misled teacher": {
        "labels alone": HardLabels(), "soft targets": SOFT, "probability shift": AdjustedTargets(4.0, 0.9),
        "smooth regularisation": AdjustedTargets(4.0, 0.9, "smooth"),
    },
}  # fmt: skip
SETTINGS = [{"regime": regime, "arm": arm} for regime, arms in REGIMES.items() for arm in arms]


@lru_cache(maxsize=1)
def noisy_digits():
    """The training digits with 40 % of their labels wrong."""
    return label_noise(load_digits().train, NOISE, seed=0)


@lru_cache(maxsize=2)
def teacher(kind: str) -> torch.nn.Module:
    """ "maps": a convolutional teacher. "misled": the perceptron of records_robust, trained on the noisy labels."""
    model = build_seeded(digits_conv_teacher if kind == "maps" else teacher_net, 0)
    if kind == "maps":
        fit(model, views(), Recipe(steps=600, lr=2e-3, batch_size=64))
    else:
        fit(model, make_views(noisy_digits(), 8, 2), Recipe(steps=600, lr=1e-3, batch_size=128))
    return model.eval()


@lru_cache(maxsize=2)
def material(regime: str):
    """What the students of a regime learn from: (pool of views, teacher over it)."""
    if regime in ("200 labels", "maps, 200 labels"):
        pool = make_views(load_digits().train.per_class(20, seed=0), 32, 2)
        asked, features = (clean_teacher("standard"), ("hidden2",)) if regime == "200 labels" else (teacher("maps"), ("stage1", "stage2", "stage3"))
        return pool, Teacher(asked).over(pool, features)
    pool = make_views(noisy_digits(), 8, 2) if regime == "noisy labels" else views()
    return pool, Teacher(teacher("misled")).over(pool)


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One arm of one regime over the seeds: accuracy on the test digits, whose labels are right, one row a seed."""
    regime, arm = setting["regime"], setting["arm"]
    pool, asked = material(regime)
    student, recipe = (digits_conv_student, MAPS) if regime.startswith("maps") else (digits_student, PLAIN)
    trained = distill(student, asked, pool, REGIMES[regime][arm], seeds=seeds, recipe=recipe)
    test = load_digits().test
    found = accuracy(trained.predict(test), test.labels)
    return [{"seed": s, "loop_seconds": trained.seconds, "accuracy": found[i].item()} for i, s in enumerate(seeds)]
