"""What an infinitely wide random net does to signals and gradients: Poole et al. 2016, Schoenholz et al. 2017.

Pre-activations of layer l are normal with variance q_l. Weights have variance gain²/width, biases ``bias_std``². Expectations
over a standard normal z are sums on a fine grid, exact to about 1e-8 for the activations used here.
"""

import math

import torch
from torch import Tensor

from distill_helpers.checks import at_least, positive, whole

# an even number of points, so that none lies on the kink of ReLU at zero
_Z = torch.linspace(-9, 9, 18_000, dtype=torch.double)
_WEIGHT = torch.exp(-_Z.square() / 2)
_WEIGHT = _WEIGHT / _WEIGHT.sum()


def next_variance(q, activation, gain: float, bias_std: float = 0.0) -> float:
    """q_{l+1} = gain² E[φ(√q z)²] + bias_std² (Schoenholz et al. 2017, eq. 3)."""
    return gain**2 * float((_WEIGHT * activation(math.sqrt(q) * _Z).square()).sum()) + bias_std**2


def gradient_factor(q, activation, gain: float) -> float:
    """χ = gain² E[φ'(√q z)²]: by how much the squared norm of a gradient grows on its way down one layer (eq. 8 and 15)."""
    z = (math.sqrt(q) * _Z).requires_grad_()
    (slope,) = torch.autograd.grad(activation(z).sum(), z)
    return gain**2 * float((_WEIGHT * slope.square()).sum())


def predict(activation, gain: float, depth: int, first: float = 1.0, bias_std: float = 0.0) -> tuple[Tensor, Tensor]:
    """q and χ of hidden layers 1 ... depth, when the first layer's pre-activations have variance ``first``. Both [depth].

    activation: a function of a tensor. Raises InputError for a gain or first of 0 or less.
    """
    positive("gain", gain)
    positive("first", first)
    whole("depth", depth)
    at_least("bias_std", bias_std, 0)
    q, factors = [first], []
    for _ in range(depth):
        factors.append(gradient_factor(max(q[-1], 1e-300), activation, gain))
        q.append(next_variance(q[-1], activation, gain, bias_std))
    return torch.tensor(q[:depth], dtype=torch.double), torch.tensor(factors, dtype=torch.double)


def growth(activation, gain: float, settle: int = 200) -> float:
    """χ at the fixed point of q: above 1 gradients explode with depth, below 1 they vanish. 1 is the edge of chaos."""
    _, factors = predict(activation, gain, settle)
    return float(factors[-1])
