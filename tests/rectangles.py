"""Drawn rectangles: a small set of images for detectors, and the same on disk in COCO's format."""

import json

import torch

from distill_helpers.data.coco import boxes_pool

COLOURS = torch.tensor([[230, 40, 40], [40, 200, 60], [50, 70, 230]])
NAMES = ("red", "green", "blue")


def rectangles(count, side=64, most=3, seed=0):
    """(images uint8 [N, 3, side, side], boxes [N, most, 4], labels [N, most]): 1 to ``most`` rectangles of 3 colours on grey noise."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda low, high, *shape: torch.randint(low, high, shape, generator=generator)
    images = draw(90, 150, count, 1, side, side).expand(-1, 3, -1, -1).clone()
    boxes, labels = torch.zeros(count, most, 4), torch.full((count, most), -1)
    for image in range(count):
        for place in range(int(draw(1, most + 1, 1))):
            w, h = draw(12, side // 2, 2).tolist()
            x, y = int(draw(0, side - w, 1)), int(draw(0, side - h, 1))
            box = torch.tensor([x, y, x + w, y + h], dtype=torch.float32)
            colour = int(draw(0, 3, 1))
            if any((torch.minimum(box[2:], b[2:]) > torch.maximum(box[:2], b[:2])).all() for b in boxes[image, :place]):
                continue  # none covers another
            boxes[image, place], labels[image, place] = box, colour
            images[image, :, y : y + h, x : x + w] = COLOURS[colour].view(3, 1, 1)
    return images.to(torch.uint8), boxes, labels


def rectangles_pool(count=64, **settings):
    images, boxes, labels = rectangles(count, **settings)
    return boxes_pool(images, boxes, labels, 3, "rectangles")


def write_images(folder, images, first=1, suffix="png"):
    """One file an image, uint8 [N, 3, h, w]; returns their entries for a COCO file."""
    from PIL import Image

    entries = []
    for number, image in enumerate(images, first):
        name = f"{number:06d}.{suffix}"
        Image.fromarray(image.movedim(0, -1).numpy()).save(folder / name)
        entries.append({"id": number, "file_name": name, "width": image.shape[-1], "height": image.shape[-2]})
    return entries


def write_coco(folder, images, annotations, categories=None):
    """The images and a file "annotations.json" beside them; returns its path."""
    categories = categories or [{"id": 10 * (c + 1), "name": name} for c, name in enumerate(NAMES)]
    path = folder / "annotations.json"
    path.write_text(json.dumps({"images": write_images(folder, images), "annotations": annotations, "categories": categories}))
    return path
