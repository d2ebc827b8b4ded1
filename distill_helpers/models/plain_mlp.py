"""The net that this course makes explode and vanish: a multilayer perceptron whose every choice is an argument."""

from torch import nn

from distill_helpers.checks import fraction, one_of, sizes
from distill_helpers.models.activations import activation_named
from distill_helpers.models.initialise import INITIALISERS, initialise
from distill_helpers.models.outputs import FeatureDict, Outputs

NORMS = {
    "none": nn.Identity,
    "layer": nn.LayerNorm,
    "batch": lambda width: nn.BatchNorm1d(width, track_running_stats=False),
}


class PlainMLP(nn.Module):
    """``depth`` hidden layers of ``width`` neurons: h ← φ(norm(W h + b)), or h + φ(norm(W h + b)) with ``residual``.

    activation: "relu", "tanh", "gelu" or "none". init: "gaussian" or "orthogonal" for the hidden weights, of standard
    deviation gain/√fan_in each; biases start at zero. norm: "none", "layer" (Ba et al. 2016) or "batch" (Ioffe & Szegedy 2015,
    statistics of the batch at all times). tied: one weight matrix for hidden layers 2 ... depth. The head starts with
    gain 1. Inputs [B, ...] are flattened; logits are [B, classes]; features "hidden1" ... "hidden<depth>" are [B, width].
    Raises InputError for sizes below 1, an unknown name, or dropout outside [0, 1].
    """

    def __init__(self, in_features: int, width: int, depth: int, classes: int, activation: str = "relu", init: str = "gaussian",
                 gain: float = 2**0.5, norm: str = "none", residual: bool = False, dropout: float = 0.0, tied: bool = False):  # fmt: skip
        super().__init__()
        sizes(in_features=in_features, width=width, depth=depth, classes=classes)
        one_of("norm", norm, tuple(NORMS))
        one_of("init", init, tuple(INITIALISERS))
        fraction("dropout", dropout)
        activation_named(activation)
        distinct = min(depth, 2) if tied else depth
        self.hidden = nn.ModuleList(nn.Linear(in_features if i == 0 else width, width) for i in range(distinct))
        self.norms = nn.ModuleList(NORMS[norm](width) for _ in range(depth))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)
        self.depth, self.activation, self.residual = depth, activation, residual
        for layer in self.hidden:
            initialise(layer, init, gain)
        initialise(self.head, "gaussian", 1.0)

    def layer(self, number: int, h):
        """Hidden layer ``number`` (from 1) applied to its input h, [B, width] (or [B, in_features] for the first)."""
        linear = self.hidden[min(number, len(self.hidden)) - 1]
        out = self.dropout(activation_named(self.activation)(self.norms[number - 1](linear(h))))
        return h + out if self.residual and number > 1 else out

    def trunk(self, h):
        """Hidden layers 2 ... depth: from the first hidden layer's output to the last one's, both [B, width]."""
        for number in range(2, self.depth + 1):
            h = self.layer(number, h)
        return h

    def forward(self, x, features: bool = False):
        h, named = x.flatten(1), FeatureDict()
        for number in range(1, self.depth + 1):
            h = named[f"hidden{number}"] = self.layer(number, h)
        logits = self.head(h)
        return Outputs(logits, named) if features else logits
