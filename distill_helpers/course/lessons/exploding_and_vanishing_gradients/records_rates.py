"""Recorded: the largest stable learning rate of plain gradient descent against width and depth."""

from distill_helpers.data import load_digits, make_views
from distill_helpers.models import PlainMLP
from distill_helpers.training.stability import largest_stable_rate

NAME = "exploding_and_vanishing_gradients_rates"
DATA = ["mnist5k.npz"]
TOLERANCE = {"rate": 0.25}
SEEDS = tuple(range(10))
WIDTHS, DEPTHS = (16, 32, 64, 128, 256, 512), (2, 4, 8, 16, 32)
SETTINGS = [{"width": width, "depth": 2} for width in WIDTHS] + [{"width": 64, "depth": depth} for depth in DEPTHS[1:]]


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One size: the largest stable rate, one row a seed. ReLU, He initialisation, standard parametrisation."""
    pool = make_views(load_digits().train, 1)
    found = largest_stable_rate(lambda: PlainMLP(784, setting["width"], setting["depth"], 10), pool, seeds)
    return [{"seed": s, "rate": found[i].item()} for i, s in enumerate(seeds)]
