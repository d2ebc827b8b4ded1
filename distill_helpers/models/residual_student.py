"""The compressed student: a linear stem, residual blocks with an inner bottleneck, and a linear head."""

from torch import nn

from distill_helpers.checks import sizes
from distill_helpers.models.layers import HeLinear, ZeroLinear
from distill_helpers.models.outputs import FeatureDict, Outputs


class ResidualBlock(nn.Module):
    """h + W2 relu(W1 relu(norm(h))): pre-activation (He et al. 2016, "Identity Mappings in Deep Residual Networks", fig. 4e).

    W1 maps width to inner, W2 maps inner back to width and starts at zero, so the block starts as the identity.
    """

    def __init__(self, width: int, inner: int):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.down = HeLinear(width, inner)
        self.up = ZeroLinear(inner, width)

    def forward(self, h):
        return h + self.up(self.down(self.norm(h).relu()).relu())


class ResidualStudent(nn.Module):
    """Stem in_features -> width, ``blocks`` residual blocks, layer normalisation, head width -> classes.

    LayerNorm keeps no batch statistics, so students stack. Inputs [B, ...] are flattened; logits are [B, classes].
    Features: "stem", "block1" ... and "embedding" (what the head sees), all [B, width]. Raises InputError for sizes below 1.
    """

    def __init__(self, in_features: int, width: int, inner: int, blocks: int, classes: int):
        super().__init__()
        sizes(in_features=in_features, width=width, inner=inner, blocks=blocks, classes=classes)
        self.stem = nn.Linear(in_features, width)
        self.blocks = nn.ModuleList(ResidualBlock(width, inner) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, x, features: bool = False):
        h = self.stem(x.flatten(1))
        named = FeatureDict(stem=h)
        for number, block in enumerate(self.blocks, 1):
            h = named[f"block{number}"] = block(h)
        named["embedding"] = self.norm(h).relu()
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits


def digits_student() -> ResidualStudent:
    """The course's student for 28x28 digits: 26,746 parameters, 222 times fewer than ``digits_teacher``."""
    return ResidualStudent(784, 32, 8, 2, 10)
