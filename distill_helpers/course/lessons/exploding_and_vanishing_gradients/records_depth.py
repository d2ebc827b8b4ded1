"""Recorded: plain, normalised and residual nets of growing depth, one budget."""

from distill_helpers.data import load_digits, make_views
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models import PlainMLP
from distill_helpers.strategies import HardLabels
from distill_helpers.training import Recipe, distill

NAME = "exploding_and_vanishing_gradients_depth"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03, "loss": 0.1}
SEEDS = tuple(range(5))
WIDTH = 64
DEPTHS = (2, 4, 8, 16, 32, 64)
KINDS = {
    "plain": {},
    "normalised": {"norm": "layer"},
    "residual": {"residual": True},
    "residual, normalised": {"norm": "layer", "residual": True},
}
BUDGET = Recipe(steps=400, lr=2e-3, on_divergence="go on")
SETTINGS = [{"kind": kind, "depth": depth} for kind in KINDS for depth in DEPTHS]


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One kind at one depth: training loss at the end and test accuracy, one row a seed."""
    digits = load_digits()
    kind = KINDS[setting["kind"]]
    trained = distill(lambda: PlainMLP(784, WIDTH, setting["depth"], 10, **kind), None, make_views(digits.train, 8, 2),
                      HardLabels(), seeds=seeds, recipe=BUDGET)  # fmt: skip
    # a net whose outputs are no numbers names class 0 for every digit
    right = accuracy(trained.predict(digits.test).nan_to_num(0, 0, 0), digits.test.labels)
    loss = trained.history["hard"][-20:].mean(0)
    return [{"seed": s, "loss": loss[i].item(), "accuracy": right[i].item()} for i, s in enumerate(seeds)]
