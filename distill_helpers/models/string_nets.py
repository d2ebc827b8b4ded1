"""Nets for strings of spoken words: an answer for every second frame, for CTC."""

from itertools import pairwise

import torch
from torch import nn

from distill_helpers.checks import InputError, sizes
from distill_helpers.models.keyword_nets import _check_spectrograms
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.small_conv import HeConv


class FrameNorm(nn.Module):
    """Each frame of [B, C, T] normalised over its channels (Ba, Kiros & Hinton 2016), so that padding has no say in frames that are sound."""

    def __init__(self, channels: int):
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x):
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class StringNet(nn.Module):
    """Spectrograms [B, 1, mels, frames] -> logits [B, ⌈frames / 2⌉, words + 1], the last class being CTC's blank.

    A 3x3 convolution of stride 2 along both axes to ``channels`` channels, its bands and channels laid side by side in each frame; then for each of
    ``widths`` a convolution 5 frames long, these frames 1, 2, 4, 8 ... apart, with ReLU and normalisation of each frame by itself, and residual
    where the width stays; a linear head. With four widths an answer hears 61 frames of the spectrogram on either side of its own. Features:
    "stage<k>" [B, widths[k-1], ⌈frames / 2⌉]; "embedding" [B, ⌈frames / 2⌉, widths[-1]].
    Raises InputError for sizes below 1, for no widths, and for inputs of another shape.
    """

    def __init__(self, mels: int, words: int, channels: int, widths):
        super().__init__()
        widths = tuple(widths)
        if not widths:
            raise InputError("widths must name at least one stage, but it is empty.")
        sizes(mels=mels, words=words, channels=channels, **{f"widths[{k}]": width for k, width in enumerate(widths)})
        self.mels = mels
        self.stem = HeConv(1, channels, 3, stride=2, padding=1)
        inside = channels * ((mels + 1) // 2)
        self.convs = nn.ModuleList(_frames(a, b, 2**k) for k, (a, b) in enumerate(pairwise((inside, *widths))))
        self.norms = nn.ModuleList(FrameNorm(width) for width in widths)
        self.head = nn.Linear(widths[-1], words + 1)

    def forward(self, x, features: bool = False):
        _check_spectrograms(x)
        if x.shape[2] != self.mels:
            raise InputError(f"x must have {self.mels} bands, [B, 1, {self.mels}, frames], but {tuple(x.shape)} was given.")
        h, named = self.stem(x).relu().flatten(1, 2), FeatureDict()
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), 1):
            y = norm(conv(h).relu())
            h = named[f"stage{number}"] = y + h if y.shape == h.shape else y
        named["embedding"] = h.transpose(1, 2)
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits


def string_teacher(mels: int = 32, words: int = 10) -> StringNet:
    """A teacher for strings of digits: 103,963 parameters."""
    return StringNet(mels, words, 8, (64, 64, 64, 64))


def string_student(mels: int = 32, words: int = 10) -> StringNet:
    """A student for strings of digits: 8,089 parameters, 12.9 times fewer than ``string_teacher``."""
    return StringNet(mels, words, 3, (16, 16, 16, 16))


def string_parameters(mels: int, words: int, channels: int, widths) -> int:
    """How many parameters a ``StringNet`` has: 10 · channels in the stem, 5 a b + 3 b in a stage from a to b, (w + 1)(words + 1) in the head."""
    inside = (channels * ((mels + 1) // 2), *widths)
    return 10 * channels + sum(5 * a * b + 3 * b for a, b in pairwise(inside)) + (inside[-1] + 1) * (words + 1)


def _frames(inside: int, outside: int, dilation: int) -> nn.Conv1d:
    conv = nn.Conv1d(inside, outside, 5, padding=2 * dilation, dilation=dilation)
    with torch.no_grad():
        nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
        nn.init.zeros_(conv.bias)
    return conv
