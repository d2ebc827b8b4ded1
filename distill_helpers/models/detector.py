"""A small detector of one stage without anchors: teacher and student are the same net at different widths."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.boxes import around
from distill_helpers.checks import InputError, sizes, whole
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.small_conv import HeConv

STRIDES = (8, 16)
RARE = 0.01  # the probability of each class at each place before training (Lin et al., "Focal Loss", ICCV 2017, section 4.1)
REACH = 2.0  # about how many strides away each side of a box lies before training


class Detector(nn.Module):
    """At each place of two grids (one cell is 8 or 16 pixels): is there an object, of which class, and how far away are its four sides?

    Tian, Shen, Chen & He, "FCOS: Fully Convolutional One-Stage Object Detection", ICCV 2019, made small: four stages of 3x3 convolutions, each of
    which halves the grid ([width, 2, 4, 4 times width] channels); in the last two ``depth`` residual convolutions more; a pyramid of two levels
    (Lin et al., "Feature Pyramid Networks", CVPR 2017; neck of 2 · width channels), and one head for both levels, with a 3x3 convolution for
    classes and one for boxes and centerness. Normalisation is GroupNorm with one group, which keeps no statistics of the batch, so students stack.
    Distances are softplus(scale · z) strides, with a learnt scale for each level, where the paper has exp.

    Inputs [B, in_channels, H, W] of any size; grids are rounded up. P = all places of both grids, row by row, the finer grid first.
    Logits: [B, P, classes], of independent classes (sigmoid). Features: "boxes" [B, P, 4] (left, top, right, bottom in pixels), "centerness"
    [B, P] (logits), "points" [B, P, 3] (x and y of the place in pixels, and its stride), the maps "neck8" and "neck16" [B, 2 · width, h, w],
    "stage3" and "stage4". Raises InputError for sizes below 1 and for inputs of another shape.
    """

    def __init__(self, classes: int, width: int, depth: int = 1, in_channels: int = 3):
        super().__init__()
        sizes(classes=classes, width=width, in_channels=in_channels)
        whole("depth", depth, 0)
        self.in_channels, channels, neck = in_channels, (width, 2 * width, 4 * width, 4 * width), 2 * width
        self.stages = nn.ModuleList(Block(a, b, stride=2) for a, b in pairwise((in_channels, *channels)))
        self.deeper = nn.ModuleList(nn.ModuleList(Block(c, c) for _ in range(depth)) for c in channels[2:])
        self.lateral = nn.ModuleList(nn.Conv2d(c, neck, 1) for c in channels[2:])
        self.class_tower, self.box_tower = Block(neck, neck), Block(neck, neck)
        self.class_head, self.box_head, self.centre_head = nn.Conv2d(neck, classes, 1), nn.Conv2d(neck, 4, 1), nn.Conv2d(neck, 1, 1)
        self.scales = nn.Parameter(torch.ones(len(STRIDES)))
        for head, start in ((self.class_head, math.log(RARE / (1 - RARE))), (self.box_head, REACH), (self.centre_head, 0.0)):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.constant_(head.bias, start)

    def forward(self, x, features: bool = False):
        if x.dim() != 4 or x.shape[1] != self.in_channels:
            raise InputError(f"x must be of shape [B, {self.in_channels}, H, W], but {tuple(x.shape)} was given.")
        named = FeatureDict()
        named["stage3"], named["stage4"] = self._stages(x)
        coarse = self.lateral[1](named["stage4"])
        fine = self.lateral[0](named["stage3"])
        named["neck8"], named["neck16"] = fine + F.interpolate(coarse, size=fine.shape[-2:], mode="nearest"), coarse
        logits, sides, centerness, points = [], [], [], []
        for level, stride in enumerate(STRIDES):
            neck = named[f"neck{stride}"]
            for_classes, for_boxes = self.class_tower(neck).relu(), self.box_tower(neck).relu()
            logits.append(_flat(self.class_head(for_classes)))
            sides.append(stride * F.softplus(self.scales[level] * _flat(self.box_head(for_boxes))))
            centerness.append(_flat(self.centre_head(for_boxes)).squeeze(-1))
            points.append(places(*neck.shape[-2:], stride, x))
        logits = torch.cat(logits, 1)
        points = torch.cat(points).expand(x.shape[0], -1, -1)
        named.update(boxes=around(points[..., :2], torch.cat(sides, 1)), centerness=torch.cat(centerness, 1), points=points)
        return Outputs(logits, named) if features else logits

    def _stages(self, x):
        found = []
        for number, stage in enumerate(self.stages):
            x = stage(x).relu()
            for block in self.deeper[number - 2] if number > 1 else ():
                x = (x + block(x)).relu()
            found.append(x)
        return found[2:]


class Block(nn.Module):
    """A 3x3 convolution and GroupNorm with one group (Wu & He 2018)."""

    def __init__(self, a: int, b: int, stride: int = 1):
        super().__init__()
        self.conv, self.norm = HeConv(a, b, 3, stride=stride, padding=1, bias=False), nn.GroupNorm(1, b)

    def forward(self, x):
        return self.norm(self.conv(x))


def places(height: int, width: int, stride: int, like) -> torch.Tensor:
    """(x, y, stride) of the middles of a grid's cells, row by row: [height · width, 3], in pixels."""
    x, y = (stride * (torch.arange(n, dtype=like.dtype, device=like.device) + 0.5) for n in (width, height))
    return torch.stack([x.repeat(height), y.repeat_interleave(width), torch.full_like(x, stride).repeat(height)], -1)


def _flat(maps):
    """[B, C, h, w] -> [B, h · w, C]."""
    return maps.flatten(2).movedim(1, 2)
