"""Recorded: one hidden layer against residual blocks at equal parameters and budget, alone and distilled."""

from functools import lru_cache

import torch

from distill_helpers.course.teachers import big_teacher
from distill_helpers.data import load_digits, make_views
from distill_helpers.measure.calibration import accuracy
from distill_helpers.measure.representation import effective_rank, linear_cka, linear_probe
from distill_helpers.models import PlainPerceptron, ResidualStudent
from distill_helpers.models.ablated import AblatedStudent
from distill_helpers.strategies import HardLabels, SoftTargets
from distill_helpers.training import Recipe, Teacher, distill

NAME = "the_residual_student_bottleneck"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03, "probe": 0.03, "effective_rank": 1.5, "cka": 0.1}
SEEDS = tuple(range(8))
WIDTHS = (2, 4, 8, 16, 32)
INNER, BLOCKS = 8, 2
BUDGET = Recipe(steps=1500, lr=1e-2, weight_decay=0.05)
TRAININGS = {"labels": HardLabels(), "distilled": SoftTargets(2.0, 0.9)}
MODELS = ("residual", "residual, no norm", "one layer", "one layer, wider")
SETTINGS = [{"model": model, "width": width, "training": how} for model in MODELS for width in WIDTHS
            for how in TRAININGS]  # fmt: skip


def residual_size(width: int) -> int:
    """Parameters of the residual student of this width, counted."""
    with torch.device("meta"):
        return sum(p.numel() for p in ResidualStudent(784, width, INNER, BLOCKS, 10).parameters())


def hidden_neurons(width: int) -> int:
    """The most hidden neurons with which one hidden layer stays within the residual student's parameters."""
    return (residual_size(width) - 10) // (784 + 1 + 10)


def builder(model: str, width: int):
    """A function that builds the student; "one layer, wider" has one neuron, and so 795 parameters, more."""
    if model == "residual":
        return lambda: ResidualStudent(784, width, INNER, BLOCKS, 10)
    if model == "residual, no norm":
        return lambda: AblatedStudent(784, width, INNER, BLOCKS, 10, norm=False)
    hidden = hidden_neurons(width) + (model == "one layer, wider")
    return lambda: PlainPerceptron(784, hidden, 10)


@lru_cache(maxsize=1)
def pool_and_teacher():
    """32 views of the training digits and the big teacher's answers to them."""
    pool = make_views(load_digits().train, 32, 2)
    return pool, Teacher(big_teacher()).over(pool)


@torch.no_grad()
def embeddings(trained, x):
    """What the head of each student sees, [students, N, D]."""
    name = "embedding" if hasattr(trained.model(0), "blocks") else "hidden"
    return torch.stack([trained.model(i)(x, features=True).features[name] for i in range(len(trained))])


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One student, one width, one way to train: accuracy, probe, effective rank and CKA to the teacher; a row a seed."""
    pool, teacher = pool_and_teacher()
    digits = load_digits()
    trained = distill(builder(setting["model"], setting["width"]), teacher, pool, TRAININGS[setting["training"]], seeds=seeds, recipe=BUDGET)
    seen, new = embeddings(trained, digits.train.x), embeddings(trained, digits.test.x)
    with torch.no_grad():
        theirs = big_teacher()(digits.test.x, features=True).features["hidden4"]
    columns = {"accuracy": accuracy(trained.predict(digits.test), digits.test.labels),
               "probe": linear_probe(seen, digits.train.labels, new, digits.test.labels, 10),
               "effective_rank": effective_rank(new), "cka": linear_cka(new, theirs)}  # fmt: skip
    return [{"parameters": trained.parameters, "dimensions": new.shape[-1], "seed": s} | {k: v[i].item() for k, v in columns.items()}
            for i, s in enumerate(seeds)]  # fmt: skip
