"""Students of two kinds and nine sizes, 510 to 102 thousand parameters."""

from functools import partial

from distill_helpers.models import PlainPerceptron
from distill_helpers.models.small_conv import SmallConv

CONV, MLP = KINDS = ("convolutional", "one hidden layer")
WIDTHS = {CONV: (2, 4, 8, 16, 32), MLP: (2, 8, 32, 128)}


def convolutional(width: int) -> SmallConv:
    """Three convolutions of stride 2 with ``width``, twice and four times as many channels."""
    return SmallConv(1, (width, 2 * width, 4 * width), 10)


def one_hidden_layer(width: int) -> PlainPerceptron:
    """784 pixels, ``width`` hidden units, ten classes."""
    return PlainPerceptron(784, width, 10)


BUILDERS = {CONV: convolutional, MLP: one_hidden_layer}


def student(kind: str, width: int):
    """A function that builds an untrained student of this kind and width."""
    return partial(BUILDERS[kind], width)


def parameters(kind: str, width: int) -> int:
    """How many numbers such a student learns."""
    return sum(p.numel() for p in student(kind, width)().parameters())
