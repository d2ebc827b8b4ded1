"""Residual convolutional nets for small images: ResNet-20, -56 and their kin, with batch statistics as published or without."""

from torch import nn

from distill_helpers.checks import InputError, one_of, sizes
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.small_conv import HeConv

WIDTHS = (16, 32, 64)


class SmallResNet(nn.Module):
    """A 3x3 convolution, three stages of residual blocks on grids of 1, 1/2 and 1/4, the mean over positions, and a linear head.

    He, Zhang, Ren & Sun, "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2: depth = 6n + 2 for n blocks of two convolutions a
    stage, widths (16, 32, 64). Where a stage changes the width, the shortcut is a 1x1 convolution, as in the code of the comparison by Tian,
    Krishnan & Isola 2020, whose CIFAR-100 numbers are the ones usually cited. norm: "batch" as published (students are then trained one by one), or
    "group": GroupNorm with one group, which keeps no statistics of the batch, so that students stack.
    Inputs [B, in_channels, H, W]; logits [B, classes]. Features: of stage k "stage<k>_pre" before its last ReLU and "stage<k>" after it,
    [B, widths[k-1], h, w], and "embedding" [B, widths[2]], what the head sees.
    Raises InputError for a depth that is not 6n + 2, other than three widths, another norm, or inputs of another shape.
    """

    def __init__(self, depth: int, classes: int, in_channels: int = 3, widths=WIDTHS, norm: str = "batch"):
        super().__init__()
        widths = tuple(widths)
        sizes(depth=depth, classes=classes, in_channels=in_channels, **{f"widths[{i}]": width for i, width in enumerate(widths)})
        one_of("norm", norm, ("batch", "group"))
        if depth < 8 or (depth - 2) % 6:
            raise InputError(f"depth must be 6n + 2 (8, 14, 20, 26, ...), but {depth} was given.")
        if len(widths) != 3:
            raise InputError(f"widths must be three, one for each stage, but {widths!r} was given.")
        self.in_channels, blocks = in_channels, (depth - 2) // 6
        self.stem, self.stem_norm = HeConv(in_channels, widths[0], 3, padding=1, bias=False), _norm(norm, widths[0])
        self.stages, before = nn.ModuleList(), widths[0]
        for number, width in enumerate(widths):
            first = Block(before, width, 2 if number else 1, norm)
            self.stages.append(nn.ModuleList([first, *(Block(width, width, 1, norm) for _ in range(blocks - 1))]))
            before = width
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x, features: bool = False):
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise InputError(f"x must be of shape [B, {self.in_channels}, H, W], but {tuple(x.shape)} was given.")
        h, named = self.stem_norm(self.stem(x)).relu(), FeatureDict()
        for number, blocks in enumerate(self.stages, 1):
            for block in blocks:
                before = block(h)
                h = before.relu()
            named[f"stage{number}_pre"], named[f"stage{number}"] = before, h
        named["embedding"] = h.mean((-2, -1))
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits


class Block(nn.Module):
    """norm(conv(relu(norm(conv(h))))) + shortcut(h), before its last ReLU."""

    def __init__(self, a: int, b: int, stride: int, norm: str):
        super().__init__()
        self.conv1, self.norm1 = HeConv(a, b, 3, stride=stride, padding=1, bias=False), _norm(norm, b)
        self.conv2, self.norm2 = HeConv(b, b, 3, padding=1, bias=False), _norm(norm, b)
        changes = stride != 1 or a != b
        self.shortcut = nn.Sequential(HeConv(a, b, 1, stride=stride, bias=False), _norm(norm, b)) if changes else nn.Identity()

    def forward(self, h):
        return self.norm2(self.conv2(self.norm1(self.conv1(h)).relu())) + self.shortcut(h)


def _norm(kind: str, width: int) -> nn.Module:
    return nn.BatchNorm2d(width) if kind == "batch" else nn.GroupNorm(1, width)
