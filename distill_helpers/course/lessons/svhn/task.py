"""The lesson's task: font-svhn, a convolutional teacher of 114 thousand parameters, and a student of 4 thousand."""

from functools import lru_cache

import torch

from distill_helpers.course.applications.task import Application, Drawn, unlabelled_means
from distill_helpers.course.applications.ways import COMMON
from distill_helpers.data import make_views
from distill_helpers.data.generated import font_svhn
from distill_helpers.models.placed_conv import PlacedConv
from distill_helpers.training import Recipe

TEACHES, MINE, VALIDATION, TEST = 4000, 2000, 1000, 10_000
FEW = 400
VIEWS, SHIFT = 4, 2
RECIPE = Recipe(steps=600, lr=1e-2, batch_size=64, weight_decay=0.05, check_every=20)
TEACHING = Recipe(steps=2500, lr=3e-3, batch_size=64, weight_decay=0.05)


def teacher() -> PlacedConv:
    """114,186 parameters: three convolutions of stride 2 and a linear head that knows places."""
    return PlacedConv(3, (32, 64, 128), 10, 32)


def student() -> PlacedConv:
    """4,202 parameters of the same kind, 27 times fewer."""
    return PlacedConv(3, (4, 8, 16), 10, 32)


@lru_cache(maxsize=2)
def draw(seed: int) -> Drawn:
    """Pictures that nobody else has: 4,000 for the teacher, 2,000 for the student, 1,000 to choose with and 10,000 to read at the end."""
    learn, check, read = (4 * seed + part for part in range(3))
    pool = make_views(unlabelled_means(font_svhn(TEACHES + MINE, learn)), VIEWS, SHIFT)
    rows = torch.arange(TEACHES + MINE)
    return Drawn(pool, rows[:TEACHES], rows[TEACHES:], font_svhn(VALIDATION, check), lambda: font_svhn(TEST, read))


SVHN = Application("svhn", draw, FEW, teacher, TEACHING, student, RECIPE, longer=10_000, ways=(*COMMON, "virtual adversarial"))
