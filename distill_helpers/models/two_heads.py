"""One trunk, two tasks."""

import torch
from torch import nn

from distill_helpers.checks import sizes
from distill_helpers.models.layers import HeLinear
from distill_helpers.models.outputs import FeatureDict, Outputs


class TwoHeads(nn.Module):
    """Two hidden ReLU layers of ``width`` shared by two heads; logits [B, first + second], the first task's before the second's.

    Hard parameter sharing (Caruana 1997, "Multitask Learning"). Inputs [B, ...] are flattened; features "hidden1" and
    "hidden2", [B, width]. Raises InputError for sizes below 1.
    """

    def __init__(self, in_features: int, width: int, first: int, second: int):
        super().__init__()
        sizes(in_features=in_features, width=width, first=first, second=second)
        self.hidden = nn.ModuleList([HeLinear(in_features, width), HeLinear(width, width)])
        self.heads = nn.ModuleList([nn.Linear(width, first), nn.Linear(width, second)])

    def forward(self, x, features: bool = False):
        h, named = x.flatten(1), FeatureDict()
        for number, layer in enumerate(self.hidden, 1):
            h = named[f"hidden{number}"] = layer(h).relu()
        logits = torch.cat([head(h) for head in self.heads], -1)
        return Outputs(logits, named) if features else logits
