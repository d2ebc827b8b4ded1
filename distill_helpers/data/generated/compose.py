"""Pictures put together: a background, things laid over it in random places, light and noise. All in double precision, so that rounding to
whole numbers gives the same picture everywhere.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from distill_helpers.data.generated.pieces import pieces

# scikit-image's photographs; those held out are other subjects and textures
PHOTOS = {"train": ("coffee.png", "rocket.jpg", "brick.png", "grass.png", "hubble_deep_field.jpg"),
          "held out": ("astronaut.png", "gravel.png", "camera.png", "retina.jpg")}  # fmt: skip


class Dice:
    """Random numbers of one picture set: uniform ones and whole ones, from a generator of its own."""

    def __init__(self, *parts):
        from distill_helpers.data.seeded import number_from

        self.generator = torch.Generator().manual_seed(number_from(*parts))

    def uniform(self, low: float, high: float, *shape) -> Tensor:
        """float64 of this shape from low to high."""
        return low + (high - low) * torch.rand(*shape, generator=self.generator, dtype=torch.float64)

    def whole(self, below: int, *shape) -> Tensor:
        """int64 of this shape from 0 to below - 1."""
        return torch.randint(below, shape, generator=self.generator)

    def often(self, share, *shape) -> Tensor:
        """bool of this shape, True with probability ``share`` (a number or a tensor)."""
        return torch.rand(*shape, generator=self.generator, dtype=torch.float64) < share

    def normal(self, *shape) -> Tensor:
        """Standard normal float64 of this shape."""
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)


def backgrounds(dice: Dice, count: int, size: int, held_out) -> Tensor:
    """float64 [count, 3, size, size] from 0 to 1: two in three a piece of a photograph, the others two colours that run into each other.

    held_out: bool [count], whose photographs are those that are held out.
    """
    names = pieces("photos")["names"].tolist()
    known, other = (torch.tensor([names.index(n) for n in PHOTOS[split]]) for split in ("train", "held out"))
    which = torch.where(held_out, other[dice.whole(len(other), count)], known[dice.whole(len(known), count)])
    photos = torch.from_numpy(pieces("photos")["photos"]).permute(0, 3, 1, 2)
    part, turn = dice.uniform(0.25, 0.8, count), dice.uniform(-0.3, 0.3, count)
    shift = (1 - part).unsqueeze(1) * dice.uniform(-0.9, 0.9, count, 2)
    seen = torch.empty(count, 3, size, size, dtype=torch.float64)
    for rows in torch.arange(count).split(1000):
        seen[rows] = sampled(photos[which[rows]].double() / 255, matrix(part[rows], turn[rows], shift[rows]), size, "reflection")
    angle, far = dice.uniform(0, 2 * math.pi, count, 1, 1), dice.uniform(0, 1, count, 3, 1, 1)
    near = dice.uniform(0, 1, count, 3, 1, 1)
    line = torch.linspace(-0.5, 0.5, size, dtype=torch.float64)
    slope = (line * angle.cos() + line.unsqueeze(1) * angle.sin() + 0.5).clamp(0, 1).unsqueeze(1)
    plain = dice.often(1 / 3, count).view(-1, 1, 1, 1)
    light, contrast = dice.uniform(-0.15, 0.15, count, 1, 1, 1), dice.uniform(0.6, 1.2, count, 1, 1, 1)
    seen = ((seen - 0.5) * contrast + 0.5 + light).clamp(0, 1)
    return torch.where(plain, near + (far - near) * slope, seen)


def matrix(scale: Tensor, turn: Tensor, shift: Tensor, stretch: Tensor | None = None) -> Tensor:
    """[N, 2, 3]: where each pixel comes from, for things made ``1/scale`` times as large, turned (radians), and moved by ``-shift``."""
    wide = scale if stretch is None else scale * stretch
    cos, sin = turn.cos(), turn.sin()
    rows = [torch.stack([wide * cos, -wide * sin, shift[:, 0]], -1), torch.stack([scale * sin, scale * cos, shift[:, 1]], -1)]
    return torch.stack(rows, 1)


def sampled(pictures: Tensor, where: Tensor, size: int, around: str = "zeros") -> Tensor:
    """float64 pictures [N, C, h, w] seen through ``where`` [N, 2, 3] on a grid of size by size."""
    grid = F.affine_grid(where, (len(pictures), 1, size, size), align_corners=False)
    return F.grid_sample(pictures, grid, mode="bilinear", padding_mode=around, align_corners=False)


def laid_over(behind: Tensor, sprites: Tensor, where: Tensor, tint: Tensor, light=0.0) -> tuple[Tensor, Tensor]:
    """(float64 [N, 3, size, size], how opaque [N, 1, size, size]): ``behind`` with RGBA sprites [N, 4, h, w] from 0 to 1 over it, seen through
    ``where`` [N, 2, 3]. tint: what their colours are multiplied by, [N, 3, 1, 1]; light: what is added, [N, 1, 1, 1].
    """
    drawn = torch.cat([sprites[:, :3] * sprites[:, 3:], sprites[:, 3:]], 1)  # so that what is transparent lends no colour to its neighbours
    seen = sampled(drawn, where, behind.shape[-1])
    solid = seen[:, 3:]
    ink = (seen[:, :3] / solid.clamp(min=1e-6) * tint + light).clamp(0, 1)
    return behind + solid * (ink - behind), solid


def standing(scale: Tensor, turn: Tensor, away: Tensor, mirror: Tensor) -> Tensor:
    """[N, 2, 3], as ``matrix`` gives it: with the middle at ``away`` [N, 2] from the picture's, in halves of its side, right and down.

    A thing that should stand there is looked up at minus that, in its own turned and mirrored coordinates.
    """
    where = matrix(scale, turn, torch.zeros(len(scale), 2, dtype=torch.float64), mirror)
    where[:, :, 2] = -(where[:, :, :2] @ away.unsqueeze(-1)).squeeze(-1)
    return where


def finished(dice: Dice, pictures: Tensor, noise: tuple[float, float] = (0.01, 0.05)) -> Tensor:
    """uint8 [N, 3, H, W] of pictures from 0 to 1: some a little out of focus, and all with noise."""
    count = len(pictures)
    near = F.pad(pictures, (1, 1, 1, 1), mode="replicate")
    soft = F.avg_pool2d(near, 3, 1)
    share = (dice.uniform(0, 0.7, count) * dice.often(0.5, count)).view(-1, 1, 1, 1)
    pictures = pictures + share * (soft - pictures)
    pictures = pictures + dice.uniform(*noise, count, 1, 1, 1) * dice.normal(*pictures.shape)
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8)


def balanced(dice: Dice, count: int, classes: int) -> Tensor:
    """int64 [count]: classes in equal shares, as far as they go, in random order."""
    return (torch.arange(count) % classes)[torch.randperm(count, generator=dice.generator)]
