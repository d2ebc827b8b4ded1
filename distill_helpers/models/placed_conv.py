"""A small convolutional net whose head knows where in the image a feature stands."""

from torch import nn

from distill_helpers.checks import InputError, sizes
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.small_conv import SmallConv


class PlacedConv(SmallConv):
    """``SmallConv`` with its last map laid out flat before the linear head, in place of the mean over positions.

    What is in the middle can then be told from what stands beside it, as a house number's digit from its neighbours. Inputs
    [B, in_channels, size, size]; logits [B, classes]. Features are those of ``SmallConv``; "embedding" is [B, widths[-1] * h * w] of the last
    map, h = w = size halved once a stage and rounded up. Raises InputError as ``SmallConv`` does, and for images of another size.
    """

    def __init__(self, in_channels: int, widths, classes: int, size: int):
        super().__init__(in_channels, widths, classes)
        sizes(size=size)
        self.size, side = size, size
        for _ in self.convs:
            side = (side + 1) // 2
        self.head = nn.Linear(self.head.in_features * side * side, classes)

    def forward(self, x, features: bool = False):
        if x.dim() != 4 or tuple(x.shape[1:]) != (self.in_channels, self.size, self.size):
            raise InputError(f"x must be of shape [B, {self.in_channels}, {self.size}, {self.size}], but {tuple(x.shape)} was given.")
        h, named = x, FeatureDict()
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), 1):
            before = named[f"stage{number}_pre"] = norm(conv(h))
            h = named[f"stage{number}"] = before.relu()
        named["embedding"] = h.flatten(1)
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits
