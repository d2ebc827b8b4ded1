"""Recorded: a critic alone and beside other losses, against soft targets, over sixteen seeds.

Every arm tries at most four settings over two seeds of their own on the validation digits; the test digits are read once. The two
learning rates for critics alone were chosen on the validation digits too, beforehand, among six pairs.
"""

from dataclasses import replace
from functools import lru_cache

from distill_helpers.course.few_labels import BUDGETS, few_views, teacher
from distill_helpers.data import load_digits, make_views
from distill_helpers.measure.calibration import accuracy, agreement, nll
from distill_helpers.models import digits_student
from distill_helpers.strategies.contract.schedule import Grid
from distill_helpers.strategies.controls.shuffled_teacher import ShuffledTeacher
from distill_helpers.strategies.critics.discriminator import Adversarial
from distill_helpers.strategies.critics.watched import Watched
from distill_helpers.strategies.outputs.logit_regression import LogitRegression
from distill_helpers.strategies.outputs.soft_targets import SoftTargets
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels
from distill_helpers.training import Teacher, distill

NAME = "discriminative_distillation_game"
DATA = ["mnist5k.npz"]
TOLERANCE = {"validation": 0.03, "accuracy": 0.03, "nll": 0.1, "agreement": 0.03, "mean_answer_apart": 0.03, "told_apart": 0.1}
SEEDS, SEARCH_SEEDS = tuple(range(16)), (100, 101)
FAST = replace(BUDGETS["perceptron"], steps=600, opponent_lr=1e-2)
SLOW = replace(FAST, lr=3e-3)  # a critic alone
PENALTY = 0.3  # of the critic's gradient, where the weight is what is tried

REGIMES = ("200 labels", "unlabelled")
ARMS = {
    "200 labels": ("labels alone", "soft targets", "critic alone", "critic alone, no image", "soft + critic", "soft + critic, penalty",
                   "soft + critic, no image", "soft + critic, relabelled", "shuffled: soft + critic", "logits, labels", "logits, labels + critic",
                   "logits", "logits + critic"),
    "unlabelled": ("soft targets", "critic alone", "critic alone, no image", "soft + critic, penalty"),
}  # fmt: skip
SETTINGS = [{"regime": regime, "arm": arm} for regime, arms in ARMS.items() for arm in arms]


def teacher_net():
    """The teacher of the tournament, in evaluation mode."""
    return teacher("big").module


@lru_cache(maxsize=2)
def pool_and_teacher(regime: str):
    """200 digits with labels, or 3,500 without, in 32 views; and the teacher's answers to them."""
    if regime == "200 labels":
        return few_views(), teacher("big")
    pool = make_views(load_digits().train.without_labels(), 32, 2)
    return pool, Teacher(teacher_net()).over(pool)


@lru_cache(maxsize=2)
def soft(regime: str) -> SoftTargets:
    """The best of four temperatures; what a critic is added to."""
    return choose(regime, [SoftTargets(T, 0.9 if regime == "200 labels" else 1.0) for T in (2.0, 4.0, 8.0, 16.0)], FAST)[0]


def tried(regime: str, arm: str):
    """The settings that an arm may choose from, and its recipe."""
    if arm == "labels alone":
        return [HardLabels()], FAST
    if arm == "soft targets":
        return [soft(regime)], FAST
    if arm.startswith("critic alone"):
        condition = "none" if arm.endswith("no image") else "image"
        return [Adversarial(condition=condition, gradient_penalty=g) for g in (0.03, 0.1, 0.3, 1.0)], SLOW
    if arm in ("logits", "logits, labels"):
        norm, labels = (2, 0.0) if arm == "logits" else (1, 1.0)
        return [LogitRegression(w, norm, labels) for w in (0.03, 0.1, 0.3, 1.0)], FAST
    if arm == "logits + critic":
        base = Adversarial(choose(regime, *tried(regime, "logits"))[0], condition="none", l2=1e-3)
    elif arm == "logits, labels + critic":
        base = Adversarial(choose(regime, *tried(regime, "logits, labels"))[0], condition="label")
    else:
        base = Adversarial(soft(regime), condition="none" if arm.endswith("no image") else "image",
                           gradient_penalty=PENALTY if arm.endswith(("penalty", "no image")) else 0.0,
                           relabelled=1.0 if arm.endswith("relabelled") else 0.0)  # fmt: skip
    return [replace(base, weight=w) for w in (0.1, 0.3, 1.0, 3.0)], FAST


def choose(regime: str, settings: list, recipe):
    """The setting with the best mean validation accuracy over the search seeds, and that accuracy."""
    pool, guide = pool_and_teacher(regime)
    held = load_digits().validation
    run = distill(digits_student, guide, pool, Grid(settings), seeds=SEARCH_SEEDS, recipe=recipe)
    scores = accuracy(run.predict(held), held.labels).view(len(settings), -1).mean(1)
    best = int(scores.argmax())
    return settings[best], scores[best].item()


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One arm over the seeds: what it chose, and accuracy, NLL, agreement with the teacher, how far its mean answer is from the
    teacher's (total variation), and in the last hundred steps the share of answers that the critic placed right."""
    regime, arm = setting["regime"], setting["arm"]
    pool, guide = pool_and_teacher(regime)
    settings, recipe = tried(regime, arm.replace("shuffled: soft + critic", "soft + critic, penalty"))
    strategy, score = choose(regime, settings, recipe)
    plays = isinstance(strategy, Adversarial)
    strategy = Watched(strategy) if plays else strategy
    if arm.startswith("shuffled"):
        strategy = ShuffledTeacher(strategy)
    students = distill(digits_student, guide, pool, strategy, seeds=seeds, recipe=recipe)
    test = load_digits().test
    logits, answers = students.predict(test), teacher_net()(test.x).detach()
    apart = (logits.softmax(-1).mean(1) - answers.softmax(-1).mean(0)).abs().sum(-1) / 2
    columns = {"accuracy": accuracy(logits, test.labels), "nll": nll(logits, test.labels), "agreement": agreement(logits, answers),
               "mean_answer_apart": apart}  # fmt: skip
    if plays:
        columns["told_apart"] = students.history["told apart"][-100:].mean(0)
    common = {"choice": strategy.name, "tried": len(settings), "validation": score}
    return [common | {"seed": s} | {name: values[i].item() for name, values in columns.items()} for i, s in enumerate(seeds)]
