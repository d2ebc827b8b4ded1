"""The lesson's task: emoji-imagenet with 100 classes at 32 pixels, a teacher of 335 thousand parameters, and a student of 25 thousand."""

from functools import lru_cache, partial

import torch

from distill_helpers.course.applications.task import Application, Drawn, unlabelled_means
from distill_helpers.course.applications.ways import COMMON
from distill_helpers.data import make_views
from distill_helpers.data.generated import emoji_imagenet
from distill_helpers.models.small_conv import SmallConv
from distill_helpers.training import Recipe
from distill_helpers.training.kept_pictures import kept_pictures

CLASSES, SIZE = 100, 32
TEACHES, MINE, VALIDATION, TEST = 8000, 4000, 1000, 10_000
FEW = 1000  # ten of each class
VIEWS, SHIFT = 4, 2
RECIPE = Recipe(steps=800, lr=1.6e-2, batch_size=64, weight_decay=0.05, check_every=25)
TEACHING = Recipe(steps=1500, lr=8e-3, batch_size=64, weight_decay=0.05)


def large(classes: int) -> SmallConv:
    """The teacher: four convolutions of stride 2; 334,756 parameters with 100 classes."""
    return SmallConv(3, (32, 64, 128, 192), classes)


def small(classes: int) -> SmallConv:
    """The student: four narrow convolutions; 25,012 parameters with 100 classes, 13 times fewer."""
    return SmallConv(3, (8, 16, 32, 48), classes)


teacher, student = partial(large, CLASSES), partial(small, CLASSES)


@lru_cache(maxsize=2)
def draw(seed: int) -> Drawn:
    """Pictures that nobody else has: 8,000 for the teacher, 4,000 for the student, 1,000 to choose with and 10,000 to read at the end."""
    learn, check, read = (4 * seed + part for part in range(3))
    made = partial(kept_pictures, emoji_imagenet, size=SIZE)
    pool = make_views(unlabelled_means(made(TEACHES + MINE, learn)), VIEWS, SHIFT, flip=True)
    rows = torch.arange(TEACHES + MINE)
    return Drawn(pool, rows[:TEACHES], rows[TEACHES:], made(VALIDATION, check), lambda: made(TEST, read))


IMAGENET = Application("imagenet", draw, FEW, teacher, TEACHING, student, RECIPE, longer=8650, ways=(*COMMON, "standardised logits"))
