"""How weights begin: random, orthogonal, or fitted to data."""

import math

import torch
from torch import nn

from distill_helpers.checks import one_of, positive


def gaussian(weight, gain: float) -> None:
    """Independent normal weights of variance gain²/fan_in: gain 1 is LeCun et al. 1998, gain √2 is He et al. 2015 (eq. 10)."""
    nn.init.normal_(weight, std=gain / math.sqrt(weight.shape[1]))


def orthogonal(weight, gain: float) -> None:
    """gain times a random matrix with orthonormal rows or columns, by QR (Saxe et al. 2014)."""
    nn.init.orthogonal_(weight, gain)


INITIALISERS = {"gaussian": gaussian, "orthogonal": orthogonal}
# the gain at which signals and gradients keep their size. tanh without biases is critical at 1 (Schoenholz et al. 2017, fig. 1),
# so orthogonal weights of gain 1 give dynamical isometry (Pennington et al. 2017). GELU has no such gain: it is close to
# ReLU for large signals and close to z/2 for small ones
CRITICAL_GAIN = {"none": 1.0, "relu": math.sqrt(2), "tanh": 1.0}


def initialise(layer: nn.Linear, init: str, gain: float) -> None:
    """Draw the layer's weights anew; biases become zero. Raises InputError for an unknown init or a gain of 0 or less."""
    one_of("init", init, tuple(INITIALISERS))
    positive("gain", gain)
    with torch.no_grad():
        INITIALISERS[init](layer.weight, gain)
        if layer.bias is not None:
            layer.bias.zero_()


@torch.no_grad()
def lsuv(model: nn.Module, layers, x, tolerance: float = 0.01, tries: int = 10) -> None:
    """Layer-sequential unit variance (Mishkin & Matas 2016, algorithm 1): orthogonal weights, then each layer in turn is
    divided by the standard deviation of its own output on the batch x until that is 1 within ``tolerance``.

    layers: the model's linear layers in the order in which data pass through them.
    """
    caught = {}
    for layer in layers:
        initialise(layer, "orthogonal", 1.0)
        hook = layer.register_forward_hook(lambda module, inputs, output: caught.update(std=output.std()))
        try:
            for _ in range(tries):
                model(x)
                if abs(caught["std"] - 1) < tolerance:
                    break
                layer.weight.div_(caught["std"])
        finally:
            hook.remove()
