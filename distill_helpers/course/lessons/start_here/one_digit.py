"""A student that learns from pictures made of one digit: Asano & Saeed 2023, "The Augmented Image Prior", in the small.

Deviations: 28 x 28 grey pictures of up to three turned, stretched and moved copies, in place of patches of a large photograph.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from distill_helpers.checks import whole
from distill_helpers.data import ImageSet, ViewPool
from distill_helpers.data.image_set import check_images
from distill_helpers.training.replicates import Replicate


def pictures(digit: Tensor, count: int, generator: torch.Generator, copies: int = 3) -> Tensor:
    """``count`` pictures, uint8 [count, 1, H, W], each of one to ``copies`` copies of the digit, uint8 [1, H, W], laid over each other.

    A copy is turned by any angle, stretched by 0.5 to 2 and by 0.6 to 1.6 in one direction, and moved by up to 0.4 of the width.
    """
    check_images("digit", digit[None], 4)
    whole("count", count)
    size, every = digit.shape[-2:], count * copies
    uniform = lambda low, high: low + (high - low) * torch.rand(every, generator=generator)
    angle, zoom, wide, right, down = uniform(-math.pi, math.pi), uniform(0.5, 2), uniform(0.6, 1.6), uniform(-0.8, 0.8), uniform(-0.8, 0.8)
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    turns = torch.stack([wide * cos, -sin, right, wide * sin, cos, down], -1).view(every, 2, 3)
    places = F.affine_grid(turns, [every, 1, *size], align_corners=False)
    drawn = F.grid_sample((digit / 255).expand(every, 1, *size), places, align_corners=False).view(count, copies, 1, *size)
    used = torch.arange(copies) < torch.randint(1, copies + 1, (count, 1), generator=generator)
    return (255 * (drawn * used.view(count, copies, 1, 1, 1)).amax(1)).round().to(torch.uint8)


def made_of_each(digits: ImageSet, count: int, seed: int = 0) -> tuple[ViewPool, list[Replicate]]:
    """A pool of ``count`` pictures made of each of the digits, labelled as it is, and a replicate for each digit: its pictures, start and order."""
    generator = torch.Generator().manual_seed(seed)
    made = torch.cat([pictures(digit, count, generator) for digit in digits.images])
    pool = ViewPool(made[None], digits.labels.repeat_interleave(count), digits.classes, "made of one digit")
    return pool, [Replicate(n, torch.arange(n * count, (n + 1) * count)) for n in range(len(digits))]
