"""Emoji of a hundred or more classes on photographs: what stands in for ImageNet."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from distill_helpers.checks import InputError, whole
from distill_helpers.data.generated.compose import Dice, backgrounds, finished, laid_over, standing
from distill_helpers.data.generated.emoji_sprites import DEFAULT, LEVELS, SIDE, VENDORS, check_choice, emoji_sprites
from distill_helpers.data.image_set import ImageSet

BLOCK = 50  # pictures that share a generator of random numbers; another number makes other pictures
SMALLEST, LARGEST = 16, 128  # pixels
NAME = "emoji-imagenet"


def emoji_imagenet(count: int, seed: int, classes: int = DEFAULT, vendor: str = "both", size: int = 64, held_out_photos: bool = False) -> ImageSet:
    """``count`` pictures, uint8 [count, 3, size, size], of an emoji of one of ``classes`` classes, in equal shares, the same for equal seeds.

    Synthetic: one design of each class from each of two vendors (Noto Emoji, Apache 2.0; Twemoji, CC BY 4.0), of 794 emoji in five categories
    (animals and nature, food and drink, activities, travel and places, objects), laid over five photographs (scikit-image's, CC0 or public domain)
    or running colours; 45 to 95 % of the picture in size, turned by up to 25 degrees, mirrored, moved, tinted, and in one of three pictures partly
    covered. The first classes of more are those of fewer (``emoji_names``); a set of fewer pictures is the beginning of one of more.
    vendor: "google", "twitter" or "both". With "both" the same designs are in training and in test, in another place, size, light and surrounding;
    whoever learns from one vendor and is tested on the other has never seen the drawings that he is tested on. With equal seeds two vendors'
    pictures show the same classes in the same places. size: 16 to 128; what is seen stays the same. held_out_photos: whether the photographs
    are the four others.
    Raises InputError for a count below 1, a negative seed, another vendor, size, or number of classes (2 to 794).
    """
    blocks = emoji_blocks(count, seed, classes, vendor, size, held_out_photos)
    images, labels, done = torch.empty(count, 3, size, size, dtype=torch.uint8), torch.empty(count, dtype=torch.int64), 0
    for pictures, whose in blocks:
        rows = slice(done, done + len(pictures))
        images[rows], labels[rows], done = pictures, whose, rows.stop
    return ImageSet(images, labels, classes, NAME)


def emoji_blocks(count: int, seed: int, classes: int = DEFAULT, vendor: str = "both", size: int = 64,
                 held_out_photos: bool = False) -> Iterator[tuple[Tensor, Tensor]]:  # fmt: skip
    """The same pictures and labels block by block, for sets that are larger than memory: (uint8 [n, 3, size, size], int64 [n]), n at most 50."""
    whole("count", count)
    whole("seed", seed, 0)
    check_choice(classes, vendor)
    whole("size", size, SMALLEST)
    if size > LARGEST:
        raise InputError(f"size must be at most {LARGEST}, but {size!r} was given.")
    return _blocks(count, seed, classes, vendor, size, held_out_photos)


def _blocks(count, seed, classes, vendor, size, held_out_photos) -> Iterator[tuple[Tensor, Tensor]]:
    sprites = emoji_sprites(classes)
    for number in range(-(-count // BLOCK)):
        labels = _labels(seed, classes, number)
        pictures = _block(sprites, labels, Dice("emoji_imagenet", seed, number), vendor, size, held_out_photos)
        left = count - number * BLOCK
        yield pictures[:left], labels[:left]


def _labels(seed: int, classes: int, number: int) -> Tensor:
    """int64 [BLOCK] of block ``number``: rounds of all classes in random order follow each other, whatever the blocks."""
    first, last = number * BLOCK // classes, ((number + 1) * BLOCK - 1) // classes
    rounds = [torch.randperm(classes, generator=Dice("emoji_imagenet classes", seed, r).generator) for r in range(first, last + 1)]
    begin = number * BLOCK - first * classes
    return torch.cat(rounds)[begin : begin + BLOCK]


def _block(sprites: Tensor, labels: Tensor, dice: Dice, vendor: str, size: int, held_out_photos: bool) -> Tensor:
    """uint8 [BLOCK, 3, size, size]. The same dice are thrown whatever the vendor, the size and the photographs; those for the noise come last."""
    count, fine = len(labels), -(-SIDE // size)  # what is smaller than the sprites is drawn larger, and averaged
    behind = backgrounds(dice, count, size * fine, torch.full((count,), held_out_photos))
    coin = dice.whole(len(VENDORS), count)
    whose = coin if vendor == "both" else torch.full_like(coin, VENDORS.index(vendor))
    part, turn = dice.uniform(0.45, 0.95, count), dice.uniform(-0.44, 0.44, count)
    away = dice.uniform(-1, 1, count, 2) * (1.1 - part).unsqueeze(1)
    mirror = torch.where(dice.often(0.5, count), -1.0, 1.0).double()
    tint, light = dice.uniform(0.75, 1.25, count, 3, 1, 1), dice.uniform(-0.12, 0.12, count, 1, 1, 1)
    corner, patch = dice.uniform(0, 0.7, count, 2), dice.uniform(0.18, 0.4, count, 2)
    covered, other = dice.often(1 / 3, count), dice.whole(count, count)
    pictures, _ = laid_over(behind, sprites[whose, labels].double() / LEVELS, standing(1 / part, turn, away, mirror), tint, light)
    line = (torch.arange(size * fine, dtype=torch.float64) + 0.5) / (size * fine)
    down, right = ((line >= corner[:, k : k + 1]) & (line < (corner + patch)[:, k : k + 1]) for k in (0, 1))
    hidden = down.unsqueeze(2) & right.unsqueeze(1) & covered.view(-1, 1, 1)
    pictures = torch.where(hidden.unsqueeze(1), behind[other], pictures)
    return finished(dice, F.avg_pool2d(pictures, fine) if fine > 1 else pictures)
