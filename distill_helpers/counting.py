"""Counting parameters, FLOPs and memory: closed forms beside measured counts. All counts are exact Python integers."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from distill_helpers.checks import InputError, one_of, whole

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "float64": 8}


def dense_parameters(inputs: int, outputs: int) -> int:
    """A dense layer from ``inputs`` to ``outputs`` neurons: inputs·outputs weights and ``outputs`` biases."""
    whole("inputs", inputs)
    whole("outputs", outputs)
    return inputs * outputs + outputs


def widths_parameters(widths) -> int:
    """Parameters of an MLP whose layers, the input first, have these widths: the sum of k[i-1]·k[i] + k[i]."""
    widths = list(widths)
    if len(widths) < 2:
        raise InputError(f"widths must name the input and at least one layer, but {widths!r} was given.")
    return sum(dense_parameters(a, b) for a, b in zip(widths, widths[1:], strict=False))


def mlp_parameters(in_features: int, width: int, depth: int, classes: int) -> int:
    """An MLP with ``depth`` hidden layers of ``width`` neurons, in closed form: (d+1)·n + (l-1)·n(n+1) + (n+1)·c."""
    for name, value in dict(in_features=in_features, width=width, depth=depth, classes=classes).items():
        whole(name, value)
    return (in_features + 1) * width + (depth - 1) * width * (width + 1) + (width + 1) * classes


def square_layers_parameters(n: int, layers: int) -> int:
    """``layers`` dense layers from n neurons to n, with biases: l·n(n+1)."""
    whole("n", n)
    whole("layers", layers)
    return layers * n * (n + 1)


def article_left_side(n: int, layers: int) -> int:
    """The article's n + n² + ... + n^l (section 2.1): the nodes below the root of an n-ary tree of depth l, n(n^l - 1)/(n - 1)."""
    whole("n", n)
    whole("layers", layers)
    return layers if n == 1 else n * (n**layers - 1) // (n - 1)


def article_right_side(n: int, layers: int) -> float:
    """The article's (1 + 1 + ... + (n-1) + n)·l/2 (section 2.1), half of which may be lost: not always a whole number.

    The sum is read as a leading 1 followed by 1 + 2 + ... + n, that is 1 + n(n+1)/2.
    """
    whole("n", n)
    whole("layers", layers)
    return (1 + n * (n + 1) // 2) * layers / 2


def pairs_in_one_set(k: int) -> int:
    """k(k+1)/2: unordered pairs with repetition within ONE set of k things, which the article takes for a layer's parameters."""
    whole("k", k)
    return k * (k + 1) // 2


def measured_parameters(module: nn.Module) -> int:
    """Numbers that training changes, counted on the module itself."""
    return sum(p.numel() for p in module.parameters())


def forward_flops(widths) -> int:
    """Floating-point operations of one input's forward pass: 2·a·b for each dense layer from a to b (biases and activations left out)."""
    widths = list(widths)
    widths_parameters(widths)
    return sum(2 * a * b for a, b in zip(widths, widths[1:], strict=False))


def measured_flops(module: nn.Module, example: torch.Tensor) -> int:
    """Floating-point operations of ``module(example)`` as torch's own counter sees them; works on the meta device."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module(example)
    return counter.get_total_flops()


def training_memory(parameters: int, dtype: str = "float32") -> dict[str, int]:
    """Bytes for weights, gradients and Adam's two states (kept in the same dtype), activations left out."""
    whole("parameters", parameters)
    one_of("dtype", dtype, tuple(BYTES))
    size = parameters * BYTES[dtype]
    return {"weights": size, "gradients": size, "Adam states": 2 * size}


def mlp_on_meta(widths) -> nn.Sequential:
    """An MLP of these widths on the meta device: shapes without storage, so that any size can be built and counted."""
    widths_parameters(widths)
    layers = []
    with torch.device("meta"):
        for a, b in zip(widths, list(widths)[1:], strict=False):
            layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
