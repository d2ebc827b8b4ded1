"""Nets for single spoken words: a convolutional teacher, and students of a thousand to fifteen thousand parameters.

All take log-mel spectrograms [B, 1, mels, frames] of any size and give logits [B, classes]; all normalise each example by itself, so that no
statistics of the batch are kept and students stack.
"""

from itertools import pairwise

from torch import nn

from distill_helpers.checks import InputError, sizes
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.small_conv import HeConv, SmallConv


class SeparableConv(nn.Module):
    """A 3x3 convolution of stride 2, then a block for each further width: 3x3 depthwise of stride 2, 1x1 over channels; each with normalisation and
    ReLU. Then the mean over positions and a linear head.

    DS-CNN of Zhang, Suda, Lai & Chandra, "Hello Edge: Keyword Spotting on Microcontrollers", 2017, section 4.5, with GroupNorm of one group (Wu &
    He 2018) in place of batch normalisation. Features: "stage<k>" after each stage, [B, widths[k-1], h, w], h and w halved by each and rounded
    up; "embedding" [B, widths[-1]]. Raises InputError for sizes below 1, for no widths, and for inputs of another shape.
    """

    def __init__(self, widths, classes: int):
        super().__init__()
        widths = _checked(widths, classes)
        self.stem = nn.Sequential(HeConv(1, widths[0], 3, stride=2, padding=1), nn.GroupNorm(1, widths[0]), nn.ReLU())
        self.blocks = nn.ModuleList(_separable(a, b) for a, b in pairwise(widths))
        self.head = nn.Linear(widths[-1], classes)

    def forward(self, x, features: bool = False):
        _check_spectrograms(x)
        h, named = x, FeatureDict()
        for number, stage in enumerate([self.stem, *self.blocks], 1):
            h = named[f"stage{number}"] = stage(h)
        named["embedding"] = h.mean((-2, -1))
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits


class BroadcastBlock(nn.Module):
    """y = f2(x) + broadcast(f1(mean over frequency of f2(x))), and + x where the width stays.

    f2: where the width changes a 1x1 convolution, normalisation and ReLU before it; then 3 bands deep depthwise, of stride ``stride`` along
    frequency, and normalisation. f1: 3 frames long depthwise, ``dilation`` apart, normalisation, SiLU, 1x1 convolution. A ReLU at the end.
    """

    def __init__(self, inside: int, outside: int, stride: int, dilation: int):
        super().__init__()
        self.same = inside == outside and stride == 1
        widen = [] if inside == outside else [HeConv(inside, outside, 1, bias=False), nn.GroupNorm(1, outside), nn.ReLU()]
        deep = HeConv(outside, outside, (3, 1), stride=(stride, 1), padding=(1, 0), groups=outside, bias=False)
        self.bands = nn.Sequential(*widen, deep, nn.GroupNorm(1, outside))
        long = HeConv(outside, outside, (1, 3), padding=(0, dilation), dilation=(1, dilation), groups=outside, bias=False)
        self.frames = nn.Sequential(long, nn.GroupNorm(1, outside), nn.SiLU(), HeConv(outside, outside, 1, bias=False))

    def forward(self, x):
        bands = self.bands(x)
        y = bands + self.frames(bands.mean(2, keepdim=True))
        return (y + x if self.same else y).relu()


class BroadcastNet(nn.Module):
    """Blocks that look at frequency and at time apart, and lay what they find in time over all frequencies: like BC-ResNet.

    Kim, Chang, Lee & Sung, "Broadcasted Residual Learning for Efficient Keyword Spotting", Interspeech 2021. width: the channels of the first
    stage, 8 τ in the paper; the stem has 2, the four stages 1, 1.5, 2 and 2.5, the head 4 times as many, with 2, 2, 4 and 4 blocks and dilations
    of 1, 2, 4 and 8 frames, unless ``blocks`` says otherwise. What differs from the paper: GroupNorm of one group in place of batch and
    sub-spectral normalisation, so that students stack; no dropout; no convolution of 5x5 before the head.
    Features: "stage<k>" [B, channels, bands, frames], bands halved by the stem, the second and the third stage, rounded up; "embedding" [B, 4 ·
    width]. Raises InputError for a width that is not even, for sizes below 1, and for inputs of another shape.
    """

    def __init__(self, classes: int, width: int = 8, blocks=(2, 2, 4, 4)):
        super().__init__()
        sizes(classes=classes, width=width, **{f"blocks[{k}]": count for k, count in enumerate(blocks)})
        if width % 2 or len(blocks) != 4:
            raise InputError(f"width must be even and blocks four numbers, but {width} and {tuple(blocks)} were given.")
        widths = (width, 3 * width // 2, 2 * width, 5 * width // 2)
        self.stem = nn.Sequential(HeConv(1, 2 * width, 5, stride=(2, 1), padding=2, bias=False), nn.GroupNorm(1, 2 * width), nn.ReLU())
        self.stages = nn.ModuleList()
        before = 2 * width
        for number, (channels, count) in enumerate(zip(widths, blocks, strict=True)):
            first = BroadcastBlock(before, channels, 2 if number in (1, 2) else 1, 2**number)
            self.stages.append(nn.Sequential(first, *(BroadcastBlock(channels, channels, 1, 2**number) for _ in range(count - 1))))
            before = channels
        self.widen = nn.Sequential(HeConv(before, 4 * width, 1, bias=False), nn.GroupNorm(1, 4 * width), nn.ReLU())
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x, features: bool = False):
        _check_spectrograms(x)
        h, named = self.stem(x), FeatureDict()
        for number, stage in enumerate(self.stages, 1):
            h = named[f"stage{number}"] = stage(h)
        named["embedding"] = self.widen(h.mean(2, keepdim=True)).mean((-2, -1))
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits


def keyword_teacher(classes: int = 10) -> SmallConv:
    """A convolutional teacher for spoken words: three stages of 32, 64 and 132 channels; 96,766 parameters for ten words."""
    return SmallConv(1, (32, 64, 132), classes)


# name -> builder, from the smallest to the largest
STUDENTS = {
    "separable, smallest": lambda classes: SeparableConv((8, 12, 24), classes),
    "convolutional, small": lambda classes: SmallConv(1, (6, 10, 14), classes),
    "broadcast, small": lambda classes: BroadcastNet(classes, 4, (1, 1, 1, 1)),
    "separable": lambda classes: SeparableConv((16, 32, 48, 64), classes),
    "broadcast": lambda classes: BroadcastNet(classes),
    "convolutional": lambda classes: SmallConv(1, (16, 28, 36), classes),
}


def keyword_student(kind: str = "broadcast, small", classes: int = 10) -> nn.Module:
    """A student for spoken words, by its name in ``STUDENTS``. Raises InputError for another name."""
    if kind not in STUDENTS:
        raise InputError(f"kind must be one of {', '.join(map(repr, STUDENTS))}, but {kind!r} was given.")
    return STUDENTS[kind](classes)


def separable_parameters(widths, classes: int) -> int:
    """How many parameters a ``SeparableConv`` has: 12 w₁ in the stem, 12 a + (a + 3) b in a block from a to b channels, (w + 1) · classes in the
    head."""
    widths = _checked(widths, classes)
    return 12 * widths[0] + sum(12 * a + (a + 3) * b for a, b in pairwise(widths)) + (widths[-1] + 1) * classes


def broadcast_parameters(classes: int, width: int = 8, blocks=(2, 2, 4, 4)) -> int:
    """How many parameters a ``BroadcastNet`` has. Of a block of c channels: 10 c + c² for two depthwise kernels of 3, two normalisations and the
    1x1 convolution; a change from a to c channels adds a c + 2 c. 54 w in the stem, 4 w (2.5 w + 2) before the head, (4 w + 1) · classes in it.
    """
    widths, total, before = (width, 3 * width // 2, 2 * width, 5 * width // 2), 54 * width, 2 * width
    for c, count in zip(widths, blocks, strict=True):
        total += count * (10 * c + c * c) + before * c + 2 * c
        before = c
    return total + 4 * width * (before + 2) + (4 * width + 1) * classes


def _separable(inside: int, outside: int) -> nn.Sequential:
    deep = [HeConv(inside, inside, 3, stride=2, padding=1, groups=inside), nn.GroupNorm(1, inside), nn.ReLU()]
    return nn.Sequential(*deep, HeConv(inside, outside, 1), nn.GroupNorm(1, outside), nn.ReLU())


def _checked(widths, classes) -> tuple[int, ...]:
    widths = tuple(widths)
    if not widths:
        raise InputError("widths must name at least one stage, but it is empty.")
    sizes(classes=classes, **{f"widths[{k}]": width for k, width in enumerate(widths)})
    return widths


def _check_spectrograms(x) -> None:
    if x.dim() != 4 or x.shape[1] != 1:
        raise InputError(f"x must be spectrograms [B, 1, mels, frames], but {tuple(x.shape)} was given.")
