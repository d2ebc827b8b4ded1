"""A generator: from random numbers, and a class if asked, to grey images."""

import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import InputError, sizes, whole
from distill_helpers.models.layers import HeLinear


class Generator(nn.Module):
    """z [B, latent] -> images [B, 1, side, side] in (0, 1).

    Two hidden ReLU layers of ``width`` neurons draw a picture of grid x grid numbers, which is enlarged to side x side by
    bilinear interpolation and squashed by a sigmoid. A coarse grid makes smooth pictures: that much is known of images in
    advance. normalise_pixels: each pixel passes through batch normalisation, with a learnt deviation and mean that start
    at 2 and -2, so that pictures start dark and varied. With ``classes`` > 0 the generator is conditional (Mirza & Osindero
    2014, arXiv 1411.1784): it is called with y, int64 [B], whose one-hot code joins z.
    Batch normalisation uses the statistics of the batch at all times, so that generators stack; an image depends on the batch
    it is made in. Layers before it have no biases, which it would take away again. Raises InputError for sizes below 1, for a
    grid finer than the side, and for y where none is due or the other way round.
    """

    def __init__(self, latent: int, width: int, grid: int = 7, side: int = 28, classes: int = 0, normalise_pixels: bool = True):
        super().__init__()
        sizes(latent=latent, width=width, grid=grid, side=side)
        whole("classes", classes, 0)
        if grid > side:
            raise InputError(f"grid must be at most side={side}, but {grid} was given.")
        self.side, self.classes = side, classes
        self.body = nn.Sequential(
            HeLinear(latent + classes, width, bias=False), normalised(width), nn.ReLU(),
            HeLinear(width, width, bias=False), normalised(width), nn.ReLU(), nn.Linear(width, grid * grid, bias=not normalise_pixels),
        )  # fmt: skip
        self.register_buffer("enlarge", enlargement(grid, side))
        self.pixels = normalised(side * side) if normalise_pixels else nn.Identity()
        if normalise_pixels:
            nn.init.constant_(self.pixels.weight, 2.0)
            nn.init.constant_(self.pixels.bias, -2.0)

    def forward(self, z, y=None):
        if (y is None) != (self.classes == 0):
            raise InputError(f"y must be given exactly where the generator has classes, and this one has {self.classes}.")
        if y is not None:
            code = y.unsqueeze(-1) == torch.arange(self.classes, device=y.device)
            z = torch.cat([z, code.to(z.dtype)], -1)
        return self.pixels(self.body(z) @ self.enlarge).sigmoid().unflatten(-1, (1, self.side, self.side))


def normalised(width: int) -> nn.Module:
    """Batch normalisation that keeps no statistics (Ioffe & Szegedy 2015)."""
    return nn.BatchNorm1d(width, track_running_stats=False)


def enlargement(grid: int, side: int):
    """The matrix [grid², side²] of bilinear interpolation; each column sums to 1."""
    unit = torch.eye(grid * grid).view(-1, 1, grid, grid)
    return F.interpolate(unit, size=(side, side), mode="bilinear", align_corners=False).flatten(1)
