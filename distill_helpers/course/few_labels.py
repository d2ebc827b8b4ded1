"""The regime in which strategies compete: 200 labelled digits in 32 views, one budget for each kind of student, and the teachers."""

from functools import lru_cache

import torch

from distill_helpers.data import load_digits, make_views
from distill_helpers.models import BigMLP, digits_student
from distill_helpers.models.small_conv import digits_conv_student, digits_conv_teacher
from distill_helpers.strategies import HardLabels, SoftTargets
from distill_helpers.training import Recipe, Teacher, distill, fit
from distill_helpers.training.randomness import build_seeded

PER_CLASS = 20  # 200 labelled digits
BUDGETS = {
    "perceptron": Recipe(steps=1000, lr=1e-2, weight_decay=0.05),
    "convolutional": Recipe(steps=600, batch_size=64, lr=1e-2, weight_decay=0.05),
}
STUDENTS = {"perceptron": digits_student, "convolutional": digits_conv_student}
TEACHING = {"big": Recipe(steps=1000, lr=1e-3), "maps": Recipe(steps=900, batch_size=64, lr=2e-3)}


@lru_cache(maxsize=1)
def few_views():
    """32 views of the 200 labelled training digits."""
    return make_views(load_digits().train.per_class(PER_CLASS, seed=0), 32, 2)


def big():
    """A teacher of 670,000 parameters with dropout, trained on all 3,500 training digits."""
    model = build_seeded(lambda: BigMLP(784, 512, 2, 10, dropout=0.2), 0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        fit(model, make_views(load_digits().train, 32, 2), TEACHING["big"])
    return model


def maps():
    """A convolutional teacher of 299,000 parameters, trained on all 3,500 training digits."""
    model = build_seeded(digits_conv_teacher, 0)
    fit(model, make_views(load_digits().train, 32, 2), TEACHING["maps"])
    return model


def twin():
    """The student's own architecture, trained on the 200 labels within the student's budget: the first generation."""
    return distill(digits_student, None, few_views(), HardLabels(), seeds=(50,), recipe=BUDGETS["perceptron"]).model(0)


@lru_cache(maxsize=1)
def assistant():
    """A model of middle size (BigMLP 784-96-96-10), distilled from the big teacher within the student's budget."""
    recipe = BUDGETS["perceptron"]
    return distill(lambda: BigMLP(784, 96, 2, 10), teacher("big"), few_views(), SoftTargets(4.0, 0.9), seeds=(50,), recipe=recipe).model(0)


TEACHERS = {"big": big, "maps": maps, "twin": twin, "assistant": assistant}


@lru_cache(maxsize=None)
def teacher(name: str) -> Teacher:
    """The named teacher over the views of the 200 digits."""
    return Teacher(TEACHERS[name]()).over(few_views())
