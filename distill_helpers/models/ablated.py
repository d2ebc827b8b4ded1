"""The residual student with one part taken away, to see what the part is for."""

from torch import nn

from distill_helpers.checks import sizes
from distill_helpers.models.layers import HeLinear, ZeroLinear
from distill_helpers.models.outputs import FeatureDict, Outputs


class AblatedBlock(nn.Module):
    """W2 φ(W1 relu(norm(h))), plus h with ``skip``; φ is ReLU with ``inner_activation``, else nothing; norm only with ``norm``.

    Without a skip, W2 starts as He et al. 2015 have it: at zero, nothing would pass.
    """

    def __init__(self, width: int, inner: int, skip: bool, inner_activation: bool, norm: bool):
        super().__init__()
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.down = HeLinear(width, inner)
        self.up = (ZeroLinear if skip else HeLinear)(inner, width)
        self.skip, self.inner_activation = skip, inner_activation

    def forward(self, h):
        inside = self.down(self.norm(h).relu())
        out = self.up(inside.relu() if self.inner_activation else inside)
        return h + out if self.skip else out


class AblatedStudent(nn.Module):
    """``ResidualStudent`` (same sizes, same features) without skip connections, inner activations or layer normalisation.

    With all three it is the residual student. Raises InputError for sizes below 1.
    """

    def __init__(self, in_features: int, width: int, inner: int, blocks: int, classes: int, skip: bool = True, inner_activation: bool = True,
                 norm: bool = True):  # fmt: skip
        super().__init__()
        sizes(in_features=in_features, width=width, inner=inner, blocks=blocks, classes=classes)
        self.stem = nn.Linear(in_features, width)
        self.blocks = nn.ModuleList(AblatedBlock(width, inner, skip, inner_activation, norm) for _ in range(blocks))
        self.norm = nn.LayerNorm(width) if norm else nn.Identity()
        self.head = nn.Linear(width, classes)

    def forward(self, x, features: bool = False):
        h = self.stem(x.flatten(1))
        named = FeatureDict(stem=h)
        for number, block in enumerate(self.blocks, 1):
            h = named[f"block{number}"] = block(h)
        named["embedding"] = self.norm(h).relu()
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits
