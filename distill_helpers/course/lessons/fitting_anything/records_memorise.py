"""Recorded: training and test accuracy on digits that make sense and digits that do not, over width, depth and size."""

from distill_helpers.data.corrupt import gaussian_images, random_labels, shuffled_pixels
from distill_helpers.data.digits import load_digits
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models.plain_mlp import PlainMLP
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels
from distill_helpers.training.distill import distill
from distill_helpers.training.recipe import Recipe

NAME = "fitting_anything_memorise"
DATA = ["mnist5k.npz"]
TOLERANCE = {"train": 0.02, "test": 0.04}
SEEDS = tuple(range(5))
LR, LEAST_STEPS, STEPS_PER_EXAMPLE = 1e-2, 1000, 2
KINDS = {
    "true labels": lambda images, seed: images,
    "shuffled pixels": lambda images, seed: shuffled_pixels(images, 0),  # one order for training and test
    "random pixels": lambda images, seed: shuffled_pixels(images, seed, each=True),
    "Gaussian noise": gaussian_images,
    "random labels": random_labels,
}
EXAMPLES = 500
WIDTHS = (2, 4, 8, 16, 32)
DEPTHS, NARROW = (1, 2, 4, 8), 8
DEEP_KINDS = ("true labels", "Gaussian noise", "random labels")
SIZES = {100: (3, 4, 5, 6, 8, 10), 200: (5, 6, 8, 10, 12), 400: (8, 10, 12, 15, 19, 24), 800: (12, 15, 19, 24, 30), 1600: (19, 24, 30, 38, 48)}
SETTINGS = [{"kind": kind, "examples": EXAMPLES, "width": width, "depth": 1} for kind in KINDS for width in WIDTHS]
SETTINGS += [{"kind": kind, "examples": EXAMPLES, "width": NARROW, "depth": depth} for kind in DEEP_KINDS for depth in DEPTHS[1:]]
SETTINGS += [{"kind": "random labels", "examples": n, "width": width, "depth": 1} for n, widths in SIZES.items() for width in widths]


def budget(examples: int) -> Recipe:
    """1,000 updates, and more for more than 500 examples, so that each is seen at least 256 times."""
    return Recipe(steps=max(LEAST_STEPS, STEPS_PER_EXAMPLE * examples), lr=LR)


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One kind of data and one net: accuracy on its own training set and on a test set of the same kind, one row a seed.

    The data are drawn once; the seeds differ in initial weights and order.
    """
    digits, spoil = load_digits(), KINDS[setting["kind"]]
    train, test = spoil(digits.train.subset(range(setting["examples"])), 1), spoil(digits.test, 2)
    trained = distill(lambda: PlainMLP(784, setting["width"], setting["depth"], 10), None, train, HardLabels(), seeds=seeds,
                      recipe=budget(len(train)))  # fmt: skip
    fitted, right = (accuracy(trained.predict(part), part.labels) for part in (train, test))
    return [{"seed": s, "train": fitted[i].item(), "test": right[i].item()} for i, s in enumerate(seeds)]
