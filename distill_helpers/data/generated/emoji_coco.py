"""Several emoji on a photograph, with the box of each: what stands in for COCO."""

import json
import math
from pathlib import Path

import torch
from torch import Tensor

from distill_helpers.boxes import NOTHING, area
from distill_helpers.checks import InputError, needed, one_of, whole
from distill_helpers.data.coco import CocoSet
from distill_helpers.data.generated.compose import Dice, backgrounds, finished, laid_over, standing
from distill_helpers.data.generated.emoji_cifar import VENDORS, class_names
from distill_helpers.data.generated.pieces import pieces

SIZE, MOST = 128, 5
SMALLEST, LARGEST = 16, 100  # pixels, the side of a sprite before it is turned
TRIES = 8  # places that an object is tried in
SEEN = 0.3  # a pixel belongs to an object where it covers more than that


def emoji_coco(count: int, seed: int, vendor: str = "both", held_out_photos: bool = False) -> CocoSet:
    """``count`` pictures, uint8 [count, 3, 128, 128], of one to five emoji of ten classes with their boxes, the same for equal seeds.

    Synthetic: the sprites and photographs of ``emoji_cifar``. An object is 16 to 100 pixels large (its logarithm is uniform), turned by up to 15
    degrees, mirrored and tinted; of eight places it takes the one where it covers least of those before it, and is left out where it would
    cover one by more than a quarter of either. A box is the tightest around the pixels that the object covers, those behind a later one included.
    Raises InputError for a count below 1, a negative seed, or another vendor.
    """
    whole("count", count)
    whole("seed", seed, 0)
    one_of("vendor", vendor, (*VENDORS, "both"))
    dice, held = Dice("emoji_coco", seed), pieces("sprites")
    allowed = torch.arange(len(held["labels"]))
    allowed = allowed if vendor == "both" else allowed[torch.from_numpy(held["vendors"]) == VENDORS.index(vendor)]
    its_class = torch.from_numpy(held["labels"])
    sprites = torch.from_numpy(held["sprites"]).permute(0, 3, 1, 2)
    wanted = 1 + dice.whole(MOST, count)
    pictures = backgrounds(dice, count, SIZE, torch.full((count,), held_out_photos))
    boxes, labels = torch.zeros(count, MOST, 4, dtype=torch.float64), torch.full((count, MOST), NOTHING)
    for slot in range(MOST):
        label = dice.whole(len(held["classes"]), count)
        draw, chosen = dice.uniform(0, 1, count), torch.zeros(count, dtype=torch.int64)
        for c in range(len(held["classes"])):
            designs = allowed[its_class[allowed] == c]
            chosen[label == c] = designs[(draw[label == c] * len(designs)).long()]
        side = (dice.uniform(math.log(SMALLEST), math.log(LARGEST), count)).exp()
        turn, mirror = dice.uniform(-0.26, 0.26, count), torch.where(dice.often(0.5, count), -1.0, 1.0).double()
        tint = dice.uniform(0.8, 1.2, count, 3, 1, 1)
        room = (1 - side / SIZE).view(-1, 1, 1)
        away = dice.uniform(-1, 1, count, TRIES, 2) * room
        middle = (away + 1) / 2 * SIZE
        tried = torch.cat([middle - side.view(-1, 1, 1) / 2, middle + side.view(-1, 1, 1) / 2], -1)
        covers = _covered(tried, boxes, labels)
        least, which = covers.min(1)
        away = away[torch.arange(count), which]
        there = (slot < wanted) & (least < 0.25)
        placed = there.nonzero().squeeze(1)
        for rows in placed.split(250) if len(placed) else ():
            where = standing(SIZE / side[rows], turn[rows], away[rows], mirror[rows])
            pictures[rows], solid = laid_over(pictures[rows], sprites[chosen[rows]].double() / 255, where, tint[rows])
            found, tight = _tight(solid[:, 0] > SEEN)
            boxes[rows, slot] = torch.where(found.unsqueeze(1), tight, torch.zeros_like(tight))
            labels[rows, slot] = torch.where(found, label[rows], torch.full_like(label[rows], NOTHING))
    return _set(finished(dice, pictures), boxes.float(), labels)


def write_emoji_coco(folder, count: int, seed: int, **changes) -> tuple[Path, Path]:
    """The same set on disk in COCO's format: folder/images/000001.png, ... and folder/annotations.json; returns both paths, for ``load_coco``.

    Raises InputError for a folder that holds something already.
    """
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"folder must be new or empty, but {str(folder)!r} holds something already.")
    made, Image = emoji_coco(count, seed, **changes), needed("PIL.Image")
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(made.images, 1):
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / "images" / f"{number:06d}.png")
    (folder / "annotations.json").write_text(json.dumps(made.truth), encoding="utf-8")
    return folder / "images", folder / "annotations.json"


def _covered(tried: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
    """The largest share of either that boxes [N, T, 4] and those that are there [N, M, 4] have in common: [N, T]."""
    a, b = tried.unsqueeze(2), boxes.unsqueeze(1)
    size = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    share = size[..., 0] * size[..., 1] / torch.minimum(area(a), area(b)).clamp(min=1)
    return (share * (labels != NOTHING).unsqueeze(1)).amax(2)


def _tight(mask: Tensor) -> tuple[Tensor, Tensor]:
    """(bool [N], whether anything is there; the tightest box around what is, [N, 4]) of masks [N, H, W]."""
    found, ends = mask.flatten(1).any(1), []
    for lines in (mask.any(1), mask.any(2)):  # columns, then rows
        first = lines.double().argmax(1)
        last = lines.shape[1] - lines.flip(1).double().argmax(1)
        ends.append((first, last))
    return found, torch.stack([ends[0][0], ends[1][0], ends[0][1], ends[1][1]], 1).double()


def _set(images: Tensor, boxes: Tensor, labels: Tensor) -> CocoSet:
    names, annotations = class_names(), []
    for number in range(len(images)):
        for box, label in zip(boxes[number].tolist(), labels[number].tolist(), strict=True):
            if label != NOTHING:
                x, y, w, h = box[0], box[1], box[2] - box[0], box[3] - box[1]
                annotations.append({"id": len(annotations) + 1, "image_id": number + 1, "category_id": label + 1, "bbox": [x, y, w, h],
                                    "area": w * h, "iscrowd": 0})  # fmt: skip
    truth = {
        "info": {"description": "emoji-coco, generated"},
        "images": [{"id": n + 1, "width": SIZE, "height": SIZE, "file_name": f"{n + 1:06d}.png"} for n in range(len(images))],
        "annotations": annotations,
        "categories": [{"id": c + 1, "name": name} for c, name in enumerate(names)],
    }
    counts = {"clipped": 0, "dropped": 0, "crowds": 0, "without objects": int((labels == NOTHING).all(1).sum())}
    return CocoSet(images, boxes, labels, names, truth, tuple(range(1, len(images) + 1)), tuple(range(1, len(names) + 1)),
                   torch.ones(len(images), 2), counts, "emoji-coco")  # fmt: skip
