"""A small convolutional net: the pair of teacher and student whose features are maps."""

from itertools import pairwise

from torch import nn

from distill_helpers.checks import InputError, sizes
from distill_helpers.models.outputs import FeatureDict, Outputs


class HeConv(nn.Conv2d):
    """A convolution for ReLU networks: weights normal with variance 2 / fan_in (He et al. 2015, eq. 10), biases zero."""

    def reset_parameters(self):
        nn.init.kaiming_normal_(self.weight, nonlinearity="relu")
        if self.bias is not None:
            nn.init.zeros_(self.bias)


class SmallConv(nn.Module):
    """One stage per width: 3x3 convolution of stride 2, normalisation, ReLU. Then the mean over positions and a linear head.

    The normalisation is GroupNorm with one group (Wu & He 2018): each image is normalised by itself, so that no statistics of
    the batch are kept and students stack. Inputs [B, in_channels, H, W] of any size; logits are [B, classes].
    Features of stage k: "stage<k>_pre" before the ReLU and "stage<k>" after it, [B, widths[k-1], h, w], where each stage halves
    h and w, rounded up; "embedding" (what the head sees) is [B, widths[-1]]. Raises InputError for sizes below 1, for no widths,
    and for inputs of another shape.
    """

    def __init__(self, in_channels: int, widths, classes: int):
        super().__init__()
        widths = tuple(widths)
        if not widths:
            raise InputError("widths must name at least one stage, but it is empty.")
        sizes(in_channels=in_channels, classes=classes, **{f"widths[{i}]": width for i, width in enumerate(widths)})
        self.in_channels = in_channels
        self.convs = nn.ModuleList(HeConv(a, b, 3, stride=2, padding=1) for a, b in pairwise((in_channels, *widths)))
        self.norms = nn.ModuleList(nn.GroupNorm(1, width) for width in widths)
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x, features: bool = False):
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise InputError(f"x must be of shape [B, {self.in_channels}, H, W], but {tuple(x.shape)} was given.")
        h, named = x, FeatureDict()
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), 1):
            before = named[f"stage{number}_pre"] = norm(conv(h))
            h = named[f"stage{number}"] = before.relu()
        named["embedding"] = h.mean((-2, -1))
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits


def digits_conv_teacher() -> SmallConv:
    """A convolutional teacher for 28x28 digits: 298,570 parameters, maps of 14x14, 7x7 and 4x4."""
    return SmallConv(1, (64, 128, 192), 10)


def digits_conv_student() -> SmallConv:
    """A convolutional student for 28x28 digits: 6,330 parameters, 47 times fewer than ``digits_conv_teacher``."""
    return SmallConv(1, (8, 16, 32), 10)
