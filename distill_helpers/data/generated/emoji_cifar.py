"""Emoji of CIFAR-10's ten class names on photographs: what stands in for CIFAR-10."""

import torch

from distill_helpers.checks import one_of, whole
from distill_helpers.data.generated.compose import Dice, backgrounds, balanced, finished, laid_over, standing
from distill_helpers.data.generated.pieces import pieces
from distill_helpers.data.image_set import ImageSet

SIZE = 32
VENDORS = ("google", "twitter")


def class_names() -> tuple[str, ...]:
    """airplane, automobile, ..., truck."""
    return tuple(pieces("sprites")["classes"].tolist())


def emoji_cifar(count: int, seed: int, vendor: str = "both", held_out_photos: bool = False) -> ImageSet:
    """``count`` pictures, uint8 [count, 3, 32, 32], of an emoji of one of ten classes, in equal shares, the same for equal seeds.

    Synthetic: 72 sprites, one to six designs of each class from each of two vendors (Noto Emoji, Apache 2.0; Twemoji, CC BY 4.0), laid over five
    photographs (scikit-image's, CC0 or public domain) or running colours; 50 to 95 % of the picture in size, turned by up to 25 degrees, mirrored,
    moved, tinted, and in one of three pictures partly covered. Designs are few: those that are tested on were seen in training, in another place,
    size, light and surrounding. vendor: "google", "twitter" or "both"; to learn from one and be tested on the other is a shift that says more.
    held_out_photos: whether the photographs are the four others. Raises InputError for a count below 1, a negative seed, or another vendor.
    """
    whole("count", count)
    whole("seed", seed, 0)
    one_of("vendor", vendor, (*VENDORS, "both"))
    dice, held = Dice("emoji_cifar", seed), pieces("sprites")
    labels = balanced(dice, count, len(held["classes"]))
    its_class, its_vendor = torch.from_numpy(held["labels"]), torch.from_numpy(held["vendors"])
    allowed = torch.ones(len(its_class), dtype=torch.bool) if vendor == "both" else its_vendor == VENDORS.index(vendor)
    draw, chosen = dice.uniform(0, 1, count), torch.empty(count, dtype=torch.int64)
    for c in range(len(held["classes"])):
        designs, mine = ((its_class == c) & allowed).nonzero().squeeze(1), labels == c
        chosen[mine] = designs[(draw[mine] * len(designs)).long()]
    behind = backgrounds(dice, count, SIZE, torch.full((count,), held_out_photos))
    scale, turn = 1 / dice.uniform(0.5, 0.95, count), dice.uniform(-0.44, 0.44, count)
    room = 1 - 1 / scale
    away, mirror = dice.uniform(-1, 1, count, 2) * (room + 0.1).unsqueeze(1), torch.where(dice.often(0.5, count), -1.0, 1.0).double()
    tint, light = dice.uniform(0.75, 1.25, count, 3, 1, 1), dice.uniform(-0.12, 0.12, count, 1, 1, 1)
    corner, patch = dice.whole(SIZE - 10, count, 2), 6 + dice.whole(7, count, 2)
    covered, other = dice.often(1 / 3, count), dice.whole(count, count)
    sprites = torch.from_numpy(held["sprites"]).permute(0, 3, 1, 2)
    line, pictures = torch.arange(SIZE), torch.empty_like(behind)
    for rows in torch.arange(count).split(1000):
        where = standing(scale[rows], turn[rows], away[rows], mirror[rows])
        whole_picture, _ = laid_over(behind[rows], sprites[chosen[rows]].double() / 255, where, tint[rows], light[rows])
        inside = [((line >= corner[rows, k : k + 1]) & (line < (corner + patch)[rows, k : k + 1])) for k in (0, 1)]
        hidden = (inside[0].unsqueeze(2) & inside[1].unsqueeze(1) & covered[rows].view(-1, 1, 1)).unsqueeze(1)
        pictures[rows] = torch.where(hidden, behind[other[rows]], whole_picture)
    return ImageSet(finished(dice, pictures), labels, len(held["classes"]), "emoji-cifar")
