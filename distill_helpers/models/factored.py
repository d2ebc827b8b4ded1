"""A trained layer cut down to low rank: two thin layers in place of one, so that FLOPs fall as well as parameters."""

import copy

import torch
from torch import nn

from distill_helpers.checks import InputError, whole


class FactoredLinear(nn.Module):
    """x -> U (V x) + b with V [rank, in] and U [out, rank]: rank·(in + out) weights instead of in·out.

    Fewer parameters and FLOPs than the whole layer as long as rank < in·out / (in + out).
    """

    def __init__(self, in_features: int, out_features: int, rank: int):
        super().__init__()
        self.first = nn.Linear(in_features, rank, bias=False)
        self.second = nn.Linear(rank, out_features)

    def forward(self, x):
        return self.second(self.first(x))


@torch.no_grad()
def truncated(layer: nn.Linear, rank: int) -> FactoredLinear:
    """The best approximation of ``layer`` of this rank in the Frobenius norm (Eckart & Young 1936), with the same bias.

    Denton, Zaremba, Bruna, LeCun & Fergus, "Exploiting Linear Structure Within Convolutional Networks for Efficient
    Evaluation", NIPS 2014, section 3.2. Raises InputError for a rank below 1 or above the layer's.
    """
    whole("rank", rank)
    if rank > min(layer.weight.shape):
        raise InputError(f"rank must be at most {min(layer.weight.shape)}, but {rank} was given.")
    u, s, vh = torch.linalg.svd(layer.weight, full_matrices=False)
    made = FactoredLinear(layer.in_features, layer.out_features, rank).to(layer.weight.device)
    root = s[:rank].sqrt()
    made.first.weight.copy_(root[:, None] * vh[:rank])
    made.second.weight.copy_(u[:, :rank] * root)
    made.second.bias.copy_(layer.bias if layer.bias is not None else torch.zeros(layer.out_features))
    return made


def truncate_hidden(model: nn.Module, rank: int, layers=None) -> nn.Module:
    """A copy of ``model`` (with a list ``hidden`` of linear layers) whose hidden layers at the places ``layers``, or all, are truncated."""
    made = copy.deepcopy(model)
    for place in range(len(made.hidden)) if layers is None else layers:
        made.hidden[place] = truncated(made.hidden[place], rank)
    return made
