"""Digits of printed fonts among their neighbours, on photographs: what stands in for house numbers."""

import torch

from distill_helpers.checks import InputError, fraction, whole
from distill_helpers.data.generated.compose import Dice, backgrounds, balanced, finished, matrix, sampled
from distill_helpers.data.generated.pieces import pieces
from distill_helpers.data.image_set import ImageSet

SIZE = 32
# sans-serif and monospaced fonts are there to learn from; serifs and book faces are held out
HELD_OUT = ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta", "cmr10", "cmb10", "cmti10", "DejaVuSerif",
            "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic")  # fmt: skip


def fonts(split: str) -> tuple[str, ...]:
    """The fonts to learn from ("train"), or those that are held out ("held out")."""
    if split not in ("train", "held out"):
        raise InputError(f"split must be 'train' or 'held out', but {split!r} was given.")
    return tuple(n for n in pieces("glyphs")["fonts"].tolist() if (n in HELD_OUT) == (split == "held out"))


def font_svhn(count: int, seed: int, shift: float = 0.0) -> ImageSet:
    """``count`` pictures, uint8 [count, 3, 32, 32], of a digit (the class) between neighbours, in equal shares, the same for equal seeds.

    Synthetic: ten fonts to learn from and eleven held out (all in matplotlib's wheel: DejaVu, STIX, Computer Modern), five photographs and four
    held out (scikit-image's, CC0 or public domain), two in three pictures on a photograph. The digit is 60 to 90 % of the picture high, turned by
    up to 12 degrees, moved by up to 3 pixels; a neighbour stands on each side in two of three pictures. shift: the share of pictures whose font and
    photograph are held out, from 0 to 1. Raises InputError for a count below 1, a negative seed, and a shift outside [0, 1].
    """
    whole("count", count)
    whole("seed", seed, 0)
    fraction("shift", shift)
    dice, held = Dice("font_svhn", seed), pieces("glyphs")
    labels = balanced(dice, count, 10)
    # the same dice are thrown whatever the shift, so that a picture keeps its place, size and colours
    moved = dice.uniform(0, 1, count) < shift
    names = held["fonts"].tolist()
    known, other = (torch.tensor([names.index(n) for n in fonts(split)]) for split in ("train", "held out"))
    font = torch.where(moved, other[dice.whole(len(other), count)], known[dice.whole(len(known), count)])
    behind = backgrounds(dice, count, SIZE, moved)
    colour, strength = ink(dice, behind), dice.uniform(0.8, 1.0, count, 1, 1, 1)
    scale, turn = 0.75 / dice.uniform(0.6, 0.9, count), dice.uniform(-0.2, 0.2, count)
    place, stretch = dice.uniform(-3 / 16, 3 / 16, count, 2), dice.uniform(0.85, 1.25, count)
    masks = torch.from_numpy(held["masks"])
    cover = torch.zeros(count, 1, SIZE, SIZE, dtype=torch.float64)
    for side in (0, -1, 1):
        digit = labels if side == 0 else dice.whole(10, count)
        there = torch.ones(count, dtype=torch.bool) if side == 0 else dice.often(2 / 3, count)
        away = place + side * torch.stack([dice.uniform(0.95, 1.25, count) / (scale * stretch), torch.zeros(count, dtype=torch.float64)], 1)
        for rows in torch.arange(count).split(2000):
            drawn = masks[font[rows], digit[rows]].unsqueeze(1).double() / 255
            # a thing that should stand at ``away`` is looked up at minus that, in its own turned and stretched coordinates
            where = matrix(scale[rows], turn[rows], torch.zeros(len(rows), 2, dtype=torch.float64), stretch[rows])
            where[:, :, 2] = -(where[:, :, :2] @ away[rows].unsqueeze(-1)).squeeze(-1)
            cover[rows] = torch.maximum(cover[rows], sampled(drawn, where, SIZE) * there[rows].view(-1, 1, 1, 1))
    pictures = behind + strength * cover * (colour - behind)
    return ImageSet(finished(dice, pictures), labels, 10, "font-svhn")


def ink(dice: Dice, behind) -> torch.Tensor:
    """A colour [N, 3, 1, 1] for each background that stands out from its middle by 0.2 of grey or more."""
    colour, middle = dice.uniform(0, 1, len(behind), 3, 1, 1), behind.mean((1, 2, 3), keepdim=True)
    gap = colour.mean(1, keepdim=True) - middle
    wanted = torch.where(gap >= 0, 1.0, -1.0).double() * dice.uniform(0.2, 0.5, len(behind), 1, 1, 1)
    wanted = torch.where(((middle + wanted) > 1) | ((middle + wanted) < 0), -wanted, wanted)
    return (colour + torch.where(gap.abs() < wanted.abs(), wanted - gap, torch.zeros_like(gap))).clamp(0, 1)
