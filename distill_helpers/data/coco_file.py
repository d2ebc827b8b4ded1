"""COCO's annotation file, read and checked: every error names the file and the entry."""

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

from distill_helpers.checks import InputError, not_empty

NEEDED = {"images": ("id", "file_name", "width", "height"), "annotations": ("id", "image_id", "category_id", "bbox"), "categories": ("id", "name")}


@dataclass(frozen=True)
class Annotations:
    """images: entries of the file, in its order. of_image: {image id: annotations with clipped boxes, crowds included}. names and category_ids
    of the classes, by id. counts: "clipped", "dropped", "crowds", "without objects".
    """

    images: list[dict]
    of_image: dict[int, list[dict]]
    names: tuple[str, ...]
    category_ids: tuple[int, ...]
    counts: dict[str, int]

    @property
    def truth(self) -> dict:
        """The COCO data set that is left."""
        kept = [annotation for image in self.images for annotation in self.of_image[image["id"]]]
        categories = [{"id": i, "name": name} for i, name in zip(self.category_ids, self.names, strict=True)]
        return {"info": {}, "images": self.images, "annotations": kept, "categories": categories}


def read_annotations(path: Path, most: int | None = None) -> Annotations:
    """The file's first ``most`` images with their annotations. Rules and errors are those of ``load_coco``."""
    given = _parsed(path)
    for key, fields in NEEDED.items():
        _check_entries(path, key, given[key], fields)
    not_empty(f"{path}: images", len(given["images"]))
    not_empty(f"{path}: categories", len(given["categories"]))
    for image in given["images"]:
        for side in ("width", "height"):
            if isinstance(image[side], bool) or not isinstance(image[side], int) or image[side] < 1:
                raise InputError(f"{path}: {side} of image {image['id']} must be a whole number of at least 1, but {image[side]!r} was given.")
    categories = sorted(given["categories"], key=lambda c: c["id"])
    sizes, known = {i["id"]: (i["width"], i["height"]) for i in given["images"]}, {c["id"] for c in categories}
    images = given["images"][:most]
    wanted, of_image, counts = {i["id"] for i in images}, defaultdict(list), dict.fromkeys(("clipped", "dropped", "crowds"), 0)
    for annotation in given["annotations"]:
        number, image, category = annotation["id"], annotation["image_id"], annotation["category_id"]
        if image not in sizes:
            raise InputError(f"{path}: annotation {number} belongs to image {image!r}, which the file does not have.")
        if category not in known:
            raise InputError(f"{path}: annotation {number} has category_id {category!r}, which is none of the file's categories.")
        box = _clipped(path, annotation, *sizes[image])
        if image not in wanted:
            continue
        if box is None:
            counts["dropped"] += 1
            continue
        crowd, cut = int(bool(annotation.get("iscrowd", 0))), box != [float(v) for v in annotation["bbox"]]
        counts["clipped"] += cut
        counts["crowds"] += crowd
        # the area of a mask, where the file has one, says how COCO counts the object's size
        size = box[2] * box[3] if cut or "area" not in annotation else annotation["area"]
        of_image[image].append({"id": number, "image_id": image, "category_id": category, "bbox": box, "area": size, "iscrowd": crowd})
    counts["without objects"] = sum(all(a["iscrowd"] for a in of_image[i["id"]]) for i in images)
    names, ids = tuple(str(c["name"]) for c in categories), tuple(c["id"] for c in categories)
    return Annotations(images, {i["id"]: of_image[i["id"]] for i in images}, names, ids, counts)


def _parsed(path: Path) -> dict:
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"annotations must be a JSON file, but {path} is not there.") from error
    except (json.JSONDecodeError, UnicodeDecodeError, IsADirectoryError) as error:
        raise InputError(f"annotations must be a JSON file, but {path} cannot be read: {error}") from error
    missing = [key for key in NEEDED if not isinstance(given, dict) or not isinstance(given.get(key), list)]
    if missing:
        raise InputError(f"{path} must hold lists named images, annotations and categories, but {', '.join(missing)} is missing.")
    return given


def _check_entries(path: Path, key: str, entries: list, fields) -> None:
    """Each is a dict with these fields and an id of its own."""
    seen = set()
    for place, entry in enumerate(entries):
        missing = [f for f in fields if not isinstance(entry, dict) or f not in entry]
        if missing:
            raise InputError(f"{path}: entry {place} of {key} must have {', '.join(fields)}, but {', '.join(missing)} is missing.")
        number = entry["id"]
        if isinstance(number, bool) or not isinstance(number, int):
            raise InputError(f"{path}: the id of entry {place} of {key} must be a whole number, but {number!r} was given.")
        if number in seen:
            raise InputError(f"{path}: the ids of {key} must differ from each other, but {number} comes twice.")
        seen.add(number)


def _clipped(path: Path, annotation: dict, width: int, height: int) -> list[float] | None:
    """The part of [x, y, w, h] within the image, or None where it has no area."""
    box = annotation["bbox"]
    numbers = isinstance(box, list) and len(box) == 4 and all(isinstance(v, Real) and not isinstance(v, bool) and math.isfinite(v) for v in box)
    if not numbers:
        raise InputError(f"{path}: bbox of annotation {annotation['id']} must be four finite numbers [x, y, width, height], but {box!r} was given.")
    x, y, w, h = map(float, box)
    if w <= 0 or h <= 0:
        return None
    if x >= 0 and y >= 0 and x + w <= width and y + h <= height:
        return [x, y, w, h]
    left, top, right, bottom = max(x, 0.0), max(y, 0.0), min(x + w, float(width)), min(y + h, float(height))
    return [left, top, right - left, bottom - top] if right > left and bottom > top else None
