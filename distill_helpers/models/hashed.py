"""Weights that share storage by a hash: many connections, few numbers."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import InputError, sizes
from distill_helpers.models.outputs import FeatureDict, Outputs


def mixed(position: torch.Tensor, key: int) -> torch.Tensor:
    """A fixed pseudo-random number of 32 bits for each int64 position (the final mixing of xxHash32, Collet 2012)."""
    word = 0xFFFFFFFF
    h = (position * 2654435761 + key) & word
    for shift, factor in ((15, 2246822519), (13, 3266489917)):
        h = ((h ^ (h >> shift)) * factor) & word
    return h ^ (h >> 16)


class HashedLinear(nn.Module):
    """A linear layer whose weight matrix [out, in] holds only ``buckets`` different numbers, up to sign.

    W_ij = ξ(i, j) · w[h(i, j)]: Chen, Wilson, Tyree, Weinberger & Chen, "Compressing Neural Networks with the Hashing Trick", ICML
    2015, eq. 7, with the sign ξ of section 4.3. h and ξ are computed from the position and a key, so they need not be stored in principle;
    here they are kept in buffers, for speed. The matrix is as large as ever when it multiplies: FLOPs do not fall. Every
    entry starts with variance 2/in (He et al. 2015). Raises InputError for sizes below 1 or more buckets than entries.
    """

    def __init__(self, in_features: int, out_features: int, buckets: int, key: int = 0):
        super().__init__()
        sizes(in_features=in_features, out_features=out_features, buckets=buckets)
        if buckets > in_features * out_features:
            raise InputError(f"buckets must be at most the {in_features * out_features} entries, but {buckets} was given.")
        position = torch.arange(in_features * out_features).view(out_features, in_features)
        self.register_buffer("index", mixed(position, 2 * key) % buckets)
        self.register_buffer("sign", 1.0 - 2.0 * (mixed(position, 2 * key + 1) & 1))
        self.weight = nn.Parameter(torch.empty(buckets))
        self.bias = nn.Parameter(torch.empty(out_features))
        self.in_features = in_features
        self.reset_parameters()

    def reset_parameters(self):
        nn.init.normal_(self.weight, std=math.sqrt(2 / self.in_features))
        nn.init.zeros_(self.bias)

    def matrix(self):
        """The virtual weight matrix [out, in]."""
        return self.sign * self.weight[self.index]

    def forward(self, x):
        return F.linear(x, self.matrix(), self.bias)


class HashedMLP(nn.Module):
    """One hidden ReLU layer of ``width`` neurons; both layers hold ``ratio`` of the numbers that they have entries.

    Inputs [B, ...] are flattened; logits are [B, classes]; feature "hidden" is [B, width]. Raises InputError for sizes below 1 or a ratio
    outside (0, 1].
    """

    def __init__(self, in_features: int, width: int, classes: int, ratio: float):
        super().__init__()
        sizes(in_features=in_features, width=width, classes=classes)
        if not 0 < ratio <= 1:
            raise InputError(f"ratio must be greater than 0 and at most 1, but {ratio!r} was given.")
        self.hidden = HashedLinear(in_features, width, max(1, round(ratio * in_features * width)), key=1)
        self.head = HashedLinear(width, classes, max(1, round(ratio * width * classes)), key=2)

    def forward(self, x, features: bool = False):
        h = self.hidden(x.flatten(1)).relu()
        logits = self.head(h)
        return Outputs(logits, FeatureDict(hidden=h)) if features else logits
