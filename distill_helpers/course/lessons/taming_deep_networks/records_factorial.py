"""Recorded: an exploding and a vanishing net of thirty layers, each cure alone, over learning rates and seeds."""

from functools import lru_cache

import torch

from distill_helpers.data import load_digits, make_views
from distill_helpers.measure.calibration import accuracy
from distill_helpers.measure.gradients import jacobian_spectrum, layer_norms
from distill_helpers.models import PlainMLP
from distill_helpers.models.decompositions import decompose
from distill_helpers.models.initialise import lsuv
from distill_helpers.strategies import HardLabels, Penalised
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.training import Recipe, distill

NAME = "taming_deep_networks_factorial"
DATA = ["mnist5k.npz"]
TOLERANCE = {"validation": 0.05, "accuracy": 0.05, "range_before": 0.1, "largest_before": 0.1, "middle_before": 0.1,
             "range_after": 1.0, "largest_after": 1.0, "middle_after": 1.0}  # fmt: skip
SEEDS = tuple(range(5))
WIDTH, DEPTH, STEPS = 48, 30, 300
GAINS = {"exploding": 2.0, "vanishing": 1.0}
CRITICAL = 2**0.5
RATES = (0.003, 0.01, 0.03, 0.1)


@lru_cache(maxsize=1)
def digits():
    """The digits, and one batch of 64 for probes and for initialisation from data."""
    parts = load_digits()
    return parts, parts.train.x[:64], parts.train.labels[:64]


def net(gain, **more):
    """Thirty ReLU layers of 48."""
    return PlainMLP(784, WIDTH, DEPTH, 10, gain=gain, **more)


def from_data(gain):
    """LSUV: orthogonal weights, then each layer scaled to unit variance on a batch."""
    model = net(gain)
    lsuv(model, model.hidden, digits()[1])
    return model


def decomposed(model, how, **more):
    """The model with every hidden layer after the first decomposed."""
    return decompose(model, model.hidden[1:], how, **more)


# method -> (group, builder from the bad gain, strategy, further settings of the recipe)
LABELS = HardLabels()
METHODS = {
    "nothing": ("none", net, LABELS, {}),
    "dropout 0.1": ("regularisation", lambda g: net(g, dropout=0.1), LABELS, {}),
    "L1 1e-4": ("regularisation", net, Penalised(LABELS, l1=1e-4), {}),
    "L1 1e-2": ("regularisation", net, Penalised(LABELS, l1=1e-2), {}),
    "L2 1e-3": ("regularisation", net, Penalised(LABELS, l2=1e-3), {}),
    "L2 1e-1": ("regularisation", net, Penalised(LABELS, l2=1e-1), {}),
    "clip norm 1": ("clipping", net, LABELS, {"clip_norm": 1.0}),
    "clip value 0.01": ("clipping", net, LABELS, {"clip_value": 0.01}),
    "orthogonal start": ("initialisation", lambda g: net(CRITICAL, init="orthogonal"), LABELS, {}),
    "LSUV": ("initialisation", from_data, LABELS, {}),
    "isometry (tanh)": ("initialisation", lambda g: net(1.0, init="orthogonal", activation="tanh"), LABELS, {}),
    "weight norm": ("parameters", lambda g: decomposed(net(g), "weight norm"), LABELS, {}),
    "weight norm, from data": ("parameters", lambda g: decomposed(from_data(g), "weight norm"), LABELS, {}),
    "low rank 12": ("parameters", lambda g: decomposed(net(g), "low rank", rank=12), LABELS, {}),
    "kept orthogonal": ("constraints", lambda g: decomposed(net(g), "orthogonal", scale=CRITICAL), LABELS, {}),
    "spectral norm 1": ("constraints", lambda g: decomposed(net(g), "spectral norm"), LABELS, {}),
    "spectral norm 2√2": ("constraints", lambda g: decomposed(net(g), "spectral norm", scale=2 * CRITICAL), LABELS, {}),
    "layer norm": ("architecture", lambda g: net(g, norm="layer"), LABELS, {}),
    "batch norm": ("architecture", lambda g: net(g, norm="batch"), LABELS, {}),
    "residual": ("architecture", lambda g: net(g, residual=True), LABELS, {}),
    "residual, layer norm": ("architecture", lambda g: net(g, residual=True, norm="layer"), LABELS, {}),
}
SETTINGS = [{"net": kind, "method": method, "rate": rate} for kind in GAINS for method in METHODS for rate in RATES]


def kind(setting: dict) -> str:
    """What is re-run when the code has changed: one entry of each method."""
    return setting["method"]


def probe(model) -> dict[str, float]:
    """log10 of the largest over the smallest gradient by layer, and of the Jacobian's largest and middle singular values.

    Values below 1e-30, and those that are no numbers, are put at the end of the scale, ±30. With batch statistics one
    example has no Jacobian of its own, and its values are missing.
    """
    _, x, y = digits()
    # batch statistics and dropout as they are in training
    norms = layer_norms(model.train(), x, lambda z: 64 * cross_entropy(z, y), layers={f"{i}": h for i, h in enumerate(model.hidden)})
    numbers = {"range": norms.gradient.max() / norms.gradient.min()}
    if not any(isinstance(m, torch.nn.BatchNorm1d) for m in model.modules()):
        model.eval()
        with torch.no_grad():
            start = model.layer(1, x[:8].flatten(1))
        values = jacobian_spectrum(model.trunk, start).mean(0)
        numbers |= {"largest": values[0], "middle": values[len(values) // 2]}
    return {name: float(torch.as_tensor(v).double().log10().nan_to_num(30, 30, -30).clamp(-30, 30)) for name, v in numbers.items()}


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One net, one cure, one rate: accuracies, whether the loss stayed finite, and the probes before and after; a row a seed."""
    group, build, strategy, more = METHODS[setting["method"]]
    parts, gain = digits()[0], GAINS[setting["net"]]
    recipe = Recipe(steps=STEPS, lr=setting["rate"], optimizer="sgd", on_divergence="go on", **more)
    begun = distill(lambda: build(gain), None, parts.train, strategy, seeds=seeds, recipe=Recipe(steps=1, lr=1e-20, on_divergence="go on"))
    trained = distill(lambda: build(gain), None, make_views(parts.train, 8, 2), strategy, seeds=seeds, recipe=recipe)
    held, test = (accuracy(trained.predict(part).nan_to_num(0, 0, 0), part.labels) for part in (parts.validation, parts.test))
    return [{"group": group, "seed": s, "validation": held[i].item(), "accuracy": test[i].item(), "finite": not trained.diverged[i].item()}
            | {f"{k}_before": v for k, v in probe(begun.model(i)).items()}
            | {f"{k}_after": v for k, v in probe(trained.model(i)).items()} for i, s in enumerate(seeds)]  # fmt: skip
