"""Counting parameters, FLOPs and memory: closed forms beside measured counts. All counts are exact Python integers."""

from itertools import pairwise

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from distill_helpers.checks import InputError, one_of, whole

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}


def _size(name: str, value) -> int:
    """``value`` as a Python integer, which cannot overflow as NumPy's do. Raises InputError unless whole and at least 1."""
    whole(name, value)
    return int(value)


def _widths(widths) -> list[int]:
    widths = list(widths)
    if len(widths) < 2:
        raise InputError(f"widths must name the input and at least one layer, but {widths!r} was given.")
    return [_size(f"widths[{i}]", width) for i, width in enumerate(widths)]


def dense_parameters(inputs: int, outputs: int) -> int:
    """A dense layer from ``inputs`` to ``outputs`` neurons: inputs·outputs weights and ``outputs`` biases."""
    inputs, outputs = _size("inputs", inputs), _size("outputs", outputs)
    return inputs * outputs + outputs


def widths_parameters(widths) -> int:
    """Parameters of an MLP whose layers, the input first, have these widths: the sum of k[i-1]·k[i] + k[i]."""
    return sum(a * b + b for a, b in pairwise(_widths(widths)))


def mlp_parameters(in_features: int, width: int, depth: int, classes: int) -> int:
    """An MLP with ``depth`` hidden layers of ``width`` neurons, in closed form: (d+1)·n + (l-1)·n(n+1) + (n+1)·c."""
    in_features, width = _size("in_features", in_features), _size("width", width)
    depth, classes = _size("depth", depth), _size("classes", classes)
    return (in_features + 1) * width + (depth - 1) * width * (width + 1) + (width + 1) * classes


def square_layers_parameters(n: int, layers: int) -> int:
    """``layers`` dense layers from n neurons to n, with biases: l·n(n+1)."""
    n, layers = _size("n", n), _size("layers", layers)
    return layers * n * (n + 1)


def article_left_side(n: int, layers: int) -> int:
    """The article's n + n² + ... + n^l (section 2.1): the nodes below the root of an n-ary tree of depth l.

    In closed form n(n^l - 1)/(n - 1), and l where n is 1.
    """
    n, layers = _size("n", n), _size("layers", layers)
    return layers if n == 1 else n * (n**layers - 1) // (n - 1)


def article_right_side(n: int, layers: int) -> int | float:
    """The article's (1 + 1 + ... + (n-1) + n)·l/2 (section 2.1): an integer where it is whole, a float where a half is left.

    The sum is read as a leading 1 followed by 1 + 2 + ... + n, that is 1 + n(n+1)/2.
    """
    n, layers = _size("n", n), _size("layers", layers)
    twice = (1 + n * (n + 1) // 2) * layers
    return twice / 2 if twice % 2 else twice // 2


def pairs_in_one_set(k: int) -> int:
    """k(k+1)/2: unordered pairs with repetition within ONE set of k things, which the article takes for a layer's parameters."""
    k = _size("k", k)
    return k * (k + 1) // 2


def measured_parameters(module: nn.Module) -> int:
    """Parameters of the module itself, frozen ones too; one that is shared counts once."""
    return sum(p.numel() for p in module.parameters())


def forward_flops(widths) -> int:
    """Floating-point operations of one input's forward pass: 2·a·b for each dense layer from a to b.

    Biases and activations are left out, as torch's counter leaves them out.
    """
    return sum(2 * a * b for a, b in pairwise(_widths(widths)))


def measured_flops(module: nn.Module, example: torch.Tensor) -> int:
    """Floating-point operations of ``module(example)`` as torch's own counter sees them; works on the meta device."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module(example)
    return counter.get_total_flops()


def training_memory(parameters: int, dtype: str = "float32") -> dict[str, int]:
    """Bytes for weights, gradients and Adam's two states (kept in the same dtype), activations left out."""
    one_of("dtype", dtype, tuple(BYTES))
    size = _size("parameters", parameters) * BYTES[dtype]
    return {"weights": size, "gradients": size, "Adam states": 2 * size}


def mlp_on_meta(widths) -> nn.Sequential:
    """An MLP of these widths on the meta device: shapes without storage, so that any size can be built and counted."""
    layers = []
    with torch.device("meta"):
        for a, b in pairwise(_widths(widths)):
            layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
