"""The lesson's task: bundled MNIST digits, a convolutional teacher of 114 thousand parameters, and a student of 6 thousand."""

from functools import lru_cache

from distill_helpers.course.applications.task import Application, Drawn, halves, unlabelled_means
from distill_helpers.course.applications.ways import COMMON
from distill_helpers.data import load_digits_cut, make_views
from distill_helpers.models.placed_conv import PlacedConv
from distill_helpers.models.small_conv import digits_conv_student
from distill_helpers.training import Recipe

TEACHES = 1250  # digits; as many are the student's
FEW = 100
VIEWS, SHIFT = 8, 2
RECIPE = Recipe(steps=800, lr=1e-2, batch_size=64, weight_decay=0.05, check_every=25)
TEACHING = Recipe(steps=1500, lr=3e-3, batch_size=64, weight_decay=0.05)


def teacher() -> PlacedConv:
    """113,610 parameters: three convolutions of stride 2 and a linear head that knows places."""
    return PlacedConv(1, (32, 64, 128), 10, 28)


@lru_cache(maxsize=1)
def pool():
    """Eight views of the 2,500 digits to learn from, each moved by up to two pixels."""
    return make_views(unlabelled_means(load_digits_cut().train), VIEWS, SHIFT)


@lru_cache(maxsize=16)
def draw(seed: int) -> Drawn:
    """Half of the digits teach, the other half is the student's, drawn anew; all replicates read the same test digits."""
    digits = load_digits_cut()
    teaches, mine = halves(pool().labels, seed, TEACHES)
    return Drawn(pool(), teaches, mine, digits.validation, lambda: digits.test)


MNIST = Application("mnist", draw, FEW, teacher, TEACHING, digits_conv_student, RECIPE, longer=7500, ways=(*COMMON, "Jacobian matching"),
                    crossed=True)  # fmt: skip
