"""Data sets of boxes on disk, in COCO's format: a folder of images and a JSON file, as ``torchvision.datasets.CocoDetection`` takes them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from distill_helpers.boxes import check_labels, padded
from distill_helpers.checks import InputError, needed, whole
from distill_helpers.data.coco_file import Annotations, read_annotations
from distill_helpers.data.devices import must_fit
from distill_helpers.data.image_set import check_images
from distill_helpers.data.views import ViewPool


@dataclass(frozen=True, eq=False)
class CocoSet:
    """images: uint8 [N, 3, size, size]. boxes: float32 [N, M, 4] (left, top, right, bottom) in their pixels; labels: int64 [N, M], -1 where a row
    is padding. names: of the classes. truth: the annotations in pixels of the files, crowds included, for ``measure.detection``; image_ids,
    category_ids and scale [N, 2] (by which images were made wider and higher) lead back to it. counts: see ``load_coco``.
    """

    images: Tensor
    boxes: Tensor
    labels: Tensor
    names: tuple[str, ...]
    truth: dict
    image_ids: tuple[int, ...]
    category_ids: tuple[int, ...]
    scale: Tensor
    counts: dict[str, int]
    name: str = "COCO"

    def __len__(self):
        return len(self.images)

    @property
    def pool(self) -> ViewPool:
        """The images in one view, with their padded boxes for labels."""
        return boxes_pool(self.images, self.boxes, self.labels, len(self.names), self.name)


def boxes_pool(images: Tensor, boxes: Tensor, labels: Tensor, classes: int, name: str = "boxes", labelled: Tensor | None = None) -> ViewPool:
    """A pool of uint8 images [N, C, H, W] with boxes float [N, M, 4] in pixels and labels int64 [N, M], -1 for padding.

    labelled: bool [N], False for images of which nothing is known (``PseudoBoxes``), or None for none. The labels of the pool are the dict
    {"boxes", "labels"} and "labelled", where given. Raises InputError for other types and shapes, labels out of range, boxes without an area, and
    boxes that reach over their image.
    """
    check_images("images", images, 4)
    whole("classes", classes)
    tree = {"boxes": boxes, "labels": labels, **({} if labelled is None else {"labelled": labelled})}
    check_labels(tree, classes)
    real, (height, width) = boxes[labels >= 0], images.shape[-2:]
    if len(real) and (real.min() < 0 or real[:, 2].max() > width + 1e-3 or real[:, 3].max() > height + 1e-3):
        given = [round(float(v), 2) for v in (real.min(), real[:, 2].max(), real[:, 3].max())]
        raise InputError(f"boxes must lie within {width} by {height} pixels, but their smallest number is {given[0]}, their right side at "
                         f"{given[1]} and their lower one at {given[2]}, at most.")  # fmt: skip
    tree["boxes"] = boxes.float()
    return ViewPool(images.unsqueeze(0), tree, classes, name)


def load_coco(folder, annotations, size: int = 128, most: int | None = None) -> CocoSet:
    """The images of ``folder`` that the JSON file ``annotations`` names, in its order, the first ``most`` of them, scaled to size by size pixels.

    The longer side becomes ``size`` (bilinear, antialiased), the shorter one in proportion, black below or on the right; boxes move along.
    Rules: a box that reaches over its image is clipped; one without an area, before or after, is dropped; a crowd (iscrowd 1) is no label, since it
    says nothing about single objects, but stays in ``truth``, where scoring ignores it; an image without objects stays and has none.
    Each is counted in ``counts``: "clipped", "dropped", "crowds", "without objects". Grey images get three equal channels.
    Raises InputError, with the name of the file, for a file that is not there or no JSON, missing or unusable entries, ids that come twice,
    an annotation of an unknown image or category, and for an image that is missing, unreadable, or of another size than the JSON file says.
    """
    whole("size", size)
    if most is not None:
        whole("most", most)
    folder, path = Path(folder), Path(annotations)
    read = read_annotations(path, most)
    must_fit(f"{len(read.images)} images of {size} pixels", 3 * len(read.images) * size * size, "cpu", "take fewer (most=) or smaller ones")
    images, scale = torch.zeros(len(read.images), 3, size, size, dtype=torch.uint8), torch.ones(len(read.images), 2)
    for row, image in enumerate(read.images):
        pixels = _scaled(_opened(folder / image["file_name"], image, path), size)
        images[row, :, : pixels.shape[1], : pixels.shape[2]] = pixels
        scale[row] = torch.tensor([pixels.shape[2] / image["width"], pixels.shape[1] / image["height"]])
    boxes, labels = _labels(read, scale)
    ids = tuple(image["id"] for image in read.images)
    return CocoSet(images, boxes, labels, read.names, read.truth, ids, read.category_ids, scale, read.counts, path.stem)


def _labels(read: Annotations, scale: Tensor) -> tuple[Tensor, Tensor]:
    boxes, labels = [], []
    for row, image in enumerate(read.images):
        mine = [a for a in read.of_image[image["id"]] if not a["iscrowd"]]
        corners = torch.tensor([[x, y, x + w, y + h] for x, y, w, h in (a["bbox"] for a in mine)], dtype=torch.float32).reshape(-1, 4)
        boxes.append(corners * scale[row].repeat(2))
        labels.append(torch.tensor([read.category_ids.index(a["category_id"]) for a in mine], dtype=torch.int64))
    return padded(boxes, labels)


def _opened(file: Path, image: dict, path: Path):
    """The image as it lies on disk, in three channels."""
    pil = needed("PIL.Image")
    try:
        with pil.open(file) as opened:
            found = opened.convert("RGB")
    except FileNotFoundError as error:
        raise InputError(f"folder must hold the images that {path.name} names, but {file} (image {image['id']}) is not there.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{file} (image {image['id']} of {path.name}) cannot be read as an image: {error}") from error
    if found.size != (image["width"], image["height"]):
        raise InputError(f"{file} is {found.size[0]} by {found.size[1]} pixels, but {path.name} says {image['width']} by {image['height']}; its "
                         f"boxes would lie elsewhere.")  # fmt: skip
    return found


def _scaled(picture, size: int) -> Tensor:
    """uint8 [3, h, w] whose longer side is ``size``."""
    factor = size / max(picture.size)
    sides = tuple(max(1, round(side * factor)) for side in picture.size)
    resized = picture if sides == picture.size else picture.resize(sides, needed("PIL.Image").Resampling.BILINEAR)
    return torch.from_numpy(np.array(resized)).movedim(-1, 0)
