"""The lesson's task: emoji-cifar, a residual teacher of 78 thousand parameters with BatchNorm, and a narrow student of 6 thousand."""

from functools import lru_cache

import torch

from distill_helpers.course.applications.task import Application, Drawn, unlabelled_means
from distill_helpers.course.applications.ways import COMMON
from distill_helpers.data import make_views
from distill_helpers.data.generated import emoji_cifar
from distill_helpers.models.resnet import SmallResNet
from distill_helpers.models.small_conv import SmallConv
from distill_helpers.training import Recipe
from distill_helpers.training.kept_pictures import kept_pictures

TEACHES, MINE, VALIDATION, TEST = 4000, 2000, 1000, 10_000
FEW = 400
VIEWS, SHIFT = 4, 2
RECIPE = Recipe(steps=500, lr=1e-2, batch_size=64, weight_decay=0.05, check_every=25)
TEACHING = Recipe(steps=800, lr=1e-2, batch_size=64, weight_decay=0.05)


def teacher() -> SmallResNet:
    """78,042 parameters: ResNet-8 with BatchNorm, as published."""
    return SmallResNet(8, 10)


def student() -> SmallConv:
    """6,474 parameters, 12 times fewer: three convolutions of stride 2 with a norm that keeps no statistics of the batch."""
    return SmallConv(3, (8, 16, 32), 10)


@lru_cache(maxsize=2)
def draw(seed: int) -> Drawn:
    """Pictures that nobody else has: 4,000 for the teacher, 2,000 for the student, 1,000 to choose with and 10,000 to read at the end."""
    learn, check, read = (4 * seed + part for part in range(3))
    pool = make_views(unlabelled_means(kept_pictures(emoji_cifar, TEACHES + MINE, learn)), VIEWS, SHIFT, flip=True)
    rows = torch.arange(TEACHES + MINE)
    return Drawn(
        pool, rows[:TEACHES], rows[TEACHES:], kept_pictures(emoji_cifar, VALIDATION, check), lambda: kept_pictures(emoji_cifar, TEST, read)
    )


CIFAR10 = Application("cifar10", draw, FEW, teacher, TEACHING, student, RECIPE, longer=13_300, ways=(*COMMON, "standardised logits"))
