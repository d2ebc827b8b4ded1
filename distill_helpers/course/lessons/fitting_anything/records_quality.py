"""Recorded: test accuracy against label noise, width and the number of training digits."""

from distill_helpers.data.corrupt import label_noise
from distill_helpers.data.digits import load_digits
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models.plain_mlp import PlainMLP
from distill_helpers.strategies.without_teacher.hard_labels import HardLabels
from distill_helpers.training.distill import distill
from distill_helpers.training.recipe import Recipe

NAME = "fitting_anything_quality"
DATA = ["mnist5k.npz"]
TOLERANCE = {"train": 0.02, "test": 0.04}
SEEDS = tuple(range(5))
BUDGET = Recipe(steps=600, lr=1e-2)
NOISES, WIDTHS, EXAMPLES = (0.0, 0.1, 0.2, 0.4, 0.6), (4, 16, 64, 256), (50, 100, 200, 500, 1000, 2000, 3500)
WIDTH, ALL = 64, EXAMPLES[-1]
SETTINGS = [{"noise": noise, "width": width, "examples": ALL} for width in WIDTHS for noise in NOISES]
SETTINGS += [{"noise": 0.0, "width": WIDTH, "examples": n} for n in EXAMPLES[:-1]]


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One cell: accuracy on the labels it was given and on the test digits, one row a seed.

    Each seed draws its own examples (as many of each class) and its own wrong labels; a seed's draw is the same for all widths.
    """
    digits, rows = load_digits(), []
    for seed in seeds:
        train = label_noise(digits.train.per_class(setting["examples"] // 10, seed), setting["noise"], seed)
        trained = distill(lambda: PlainMLP(784, setting["width"], 1, 10), None, train, HardLabels(), seeds=(seed,), recipe=BUDGET)
        fitted, right = (accuracy(trained.predict(part), part.labels).item() for part in (train, digits.test))
        rows.append({"seed": seed, "train": fitted, "test": right})
    return rows
