"""The big model: a multilayer perceptron of equal layers."""

from itertools import pairwise

from torch import nn

from distill_helpers.checks import fraction, sizes
from distill_helpers.models.layers import HeLinear
from distill_helpers.models.outputs import FeatureDict, Outputs


class BigMLP(nn.Module):
    """``depth`` hidden ReLU layers of ``width`` neurons. Inputs [B, ...] are flattened; logits are [B, classes].

    Features "hidden1" ... "hidden<depth>", [B, width], after the activation. Weights start as in He et al. 2015, eq. 10.
    BigMLP(784, 1280, 4, 10) holds 5,936,650 parameters. Raises InputError for sizes below 1 or dropout outside [0, 1].
    """

    def __init__(self, in_features: int, width: int, depth: int, classes: int, dropout: float = 0.0):
        super().__init__()
        sizes(in_features=in_features, width=width, depth=depth, classes=classes)
        fraction("dropout", dropout)
        self.hidden = nn.ModuleList(HeLinear(a, b) for a, b in pairwise([in_features] + [width] * depth))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, classes)

    def forward(self, x, features: bool = False):
        h, named = x.flatten(1), FeatureDict()
        for number, layer in enumerate(self.hidden, 1):
            h = self.dropout(layer(h).relu())
            named[f"hidden{number}"] = h
        logits = self.head(h)
        return Outputs(logits, named) if features else logits


def digits_teacher() -> BigMLP:
    """The course's teacher for 28x28 digits: 5,936,650 parameters."""
    return BigMLP(784, 1280, 4, 10)
