"""Activation functions by name."""

import torch
from torch.nn import functional as F

from distill_helpers.checks import one_of

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "gelu": F.gelu, "none": lambda h: h}


def activation_named(name: str):
    """The function of that name; "none" leaves its input as it is. Raises InputError for an unknown name."""
    one_of("activation", name, tuple(ACTIVATIONS))
    return ACTIVATIONS[name]
