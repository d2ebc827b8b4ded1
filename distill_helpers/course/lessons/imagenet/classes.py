"""More and more classes for a net of fewer than 27 thousand parameters, and what a head of so many classes costs by itself."""

from dataclasses import replace
from functools import lru_cache, partial

import torch

from distill_helpers.course.applications.task import Application, Drawn, unlabelled_means
from distill_helpers.course.applications.ways import ALONE, SOFT
from distill_helpers.course.lessons.imagenet.task import SHIFT, SIZE, TEACHING, VIEWS, large
from distill_helpers.data import make_views
from distill_helpers.data.generated import emoji_imagenet
from distill_helpers.models.small_conv import SmallConv
from distill_helpers.training import Recipe
from distill_helpers.training.kept_pictures import kept_pictures

NUMBERS = (100, 400, 794)  # of classes; 794 are all that there are
STATED = 27_000  # parameters of the article's student (section 1); ImageNet has 1,000 classes
IMAGENET_CLASSES = 1000
LEARN, VALIDATION, TEST = 12_000, 1000, 4000
FIRST_SEED = 50_000  # of pictures that the lesson's other experiments do not have
RECIPE = Recipe(steps=3000, lr=1.6e-2, batch_size=64, weight_decay=0.05, check_every=3000)  # with 794 classes alone stays at chance for 800 steps
LEARNING = replace(TEACHING, steps=3000)  # of the teacher


def tiny(classes: int) -> SmallConv:
    """Four convolutions that give 20 numbers, and a head of 21 for each class: 26,856 parameters with 1,000 classes."""
    return SmallConv(3, (8, 12, 16, 20), classes)


@lru_cache(maxsize=2)
def draw(classes: int, seed: int) -> Drawn:
    """12,000 pictures that teacher and student both learn from, as in the published comparisons; 1,000 to choose with, 4,000 to read at the end."""
    learn, check, read = (FIRST_SEED + 4 * seed + part for part in range(3))
    made = partial(kept_pictures, emoji_imagenet, classes=classes, size=SIZE)
    pool, rows = make_views(unlabelled_means(made(LEARN, learn)), VIEWS, SHIFT, flip=True), torch.arange(LEARN)
    return Drawn(pool, rows, rows, made(VALIDATION, check), lambda: made(TEST, read))


@lru_cache(maxsize=None)
def of_classes(classes: int) -> Application:
    """The experiment with so many classes."""
    return Application(f"imagenet, {classes} classes", partial(draw, classes), classes, partial(large, classes), LEARNING, partial(tiny, classes),
                       RECIPE, longer=RECIPE.steps, ways=(ALONE, SOFT))  # fmt: skip


def parts(classes: int, build=tiny) -> dict:
    """Parameters of a net for so many classes: {"convolutions and norms", "head", "all"}."""
    net = build(classes)
    count = lambda module: sum(p.numel() for p in module.parameters())
    return {"convolutions and norms": count(net) - count(net.head), "head": count(net.head), "all": count(net)}


def widest(classes: int, most: int = STATED) -> int:
    """The most features that a head of so many classes can read with ``most`` parameters in all, if everything before it cost nothing."""
    return most // classes - 1


def count_rows() -> list[dict]:
    """One row a number of classes for ``dh.table``: where the parameters are."""
    return [{"classes": n} | parts(n) | {"head, share": parts(n)["head"] / parts(n)["all"]} for n in (10, *NUMBERS, IMAGENET_CLASSES)]
