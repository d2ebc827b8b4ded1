"""Geometry of boxes [..., 4] as (left, top, right, bottom) in pixels: coding, overlap, suppression, padding.

What losses use is arithmetic on whole tensors, which maps over students; torchvision's losses index by truth values, which does not map.
"""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, at_least, fraction, needed, whole

NOTHING = -1  # the label of a row that pads
TINY = 1e-7


def area(boxes: Tensor) -> Tensor:
    """Square pixels, [..., 4] -> [...]; 0 for a box whose right is left of its left."""
    size = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0)
    return size[..., 0] * size[..., 1]


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes that broadcast, [..., 4] -> [...]; 0 where both are empty."""
    shared, union = _shared(a, b)
    return shared / union.clamp(min=TINY)


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU, from -1 to 1: the IoU less the share of the smallest box around both that belongs to neither.

    Rezatofighi, Tsoi, Gwak, Sadeghian, Reid & Savarese, "Generalized Intersection over Union", CVPR 2019, algorithm 1. [..., 4] -> [...].
    """
    shared, union = _shared(a, b)
    around = area(torch.cat([torch.minimum(a[..., :2], b[..., :2]), torch.maximum(a[..., 2:], b[..., 2:])], -1))
    return shared / union.clamp(min=TINY) - (around - union) / around.clamp(min=TINY)


def distances(points: Tensor, boxes: Tensor) -> Tensor:
    """Pixels from points [..., 2] (x, y) to the left, top, right and bottom side of boxes [..., 4] -> [..., 4]; negative outside."""
    return torch.cat([points - boxes[..., :2], boxes[..., 2:] - points], -1)


def around(points: Tensor, sides: Tensor) -> Tensor:
    """The boxes whose sides lie ``sides`` [..., 4] (left, top, right, bottom, in pixels) away from points [..., 2]: ``distances`` undone."""
    return torch.cat([points - sides[..., :2], points + sides[..., 2:]], -1)


def clipped(boxes: Tensor, width, height) -> Tensor:
    """The part of each box that lies within an image of this size."""
    x, y = boxes[..., 0::2].clamp(0, width), boxes[..., 1::2].clamp(0, height)
    return torch.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1)


def scores_of(logits: Tensor, centerness: Tensor) -> Tensor:
    """√(class probability · centerness), from logits [..., C] and centerness logits [...] -> [..., C].

    Tian, Shen, Chen & He, "FCOS: Fully Convolutional One-Stage Object Detection", ICCV 2019, section 3.3, which has the product; its root, which
    torchvision takes, leaves the order as it is and brings the numbers back to the size of probabilities.
    """
    return (logits.sigmoid() * centerness.sigmoid().unsqueeze(-1)).sqrt()


def suppressed(scores: Tensor, boxes: Tensor, threshold: float = 0.05, overlap: float = 0.6, most: int = 100) -> tuple[Tensor, Tensor, Tensor]:
    """What one image's detector answers: (boxes [K, 4], scores [K], labels int64 [K]), the highest score first, K at most ``most``.

    scores: [P, C], boxes: [P, 4]. Each class of a place with a score above ``threshold`` is a detection; of two of one class that overlap by
    more than ``overlap`` (IoU) the one with the higher score stays (``torchvision.ops.batched_nms``).
    """
    check_suppression(threshold, overlap, most)
    place, label = (scores > threshold).nonzero(as_tuple=True)
    score, found = scores[place, label], boxes[place]
    keep = needed("torchvision.ops").batched_nms(found.float(), score.float(), label, overlap)[:most]
    return found[keep], score[keep], label[keep]


def check_suppression(threshold, overlap, most) -> None:
    """Raise unless threshold and overlap are fractions and most is a whole number of at least 1."""
    fraction("threshold", threshold)
    fraction("overlap", overlap)
    whole("most", most)


def padded(boxes: list[Tensor], labels: list[Tensor], most: int | None = None) -> tuple[Tensor, Tensor]:
    """Boxes [n_i, 4] and labels [n_i] of N images as float32 [N, M, 4] and int64 [N, M], filled up with zeros and with -1.

    M is ``most``, or the largest n_i and at least 1. Raises InputError where an image has more than ``most`` boxes, or not one label for each box.
    """
    counts = [len(rows) for rows in boxes]
    if len(boxes) != len(labels) or counts != [len(rows) for rows in labels]:
        raise InputError("labels must be one for each box, but boxes and labels differ in number.")
    if most is not None:
        whole("most", most)
        if max(counts, default=0) > most:
            raise InputError(f"most must be at least {max(counts)}, the boxes of image {counts.index(max(counts))}, but {most} was given.")
    most = most or max(counts, default=0) or 1
    all_boxes, all_labels = torch.zeros(len(boxes), most, 4), torch.full((len(boxes), most), NOTHING)
    for row, (one, its) in enumerate(zip(boxes, labels, strict=True)):
        all_boxes[row, : len(one)], all_labels[row, : len(one)] = one, its
    return all_boxes, all_labels


def unpadded(boxes: Tensor, labels: Tensor) -> list[tuple[Tensor, Tensor]]:
    """(boxes [n_i, 4], labels [n_i]) of each image, ``padded`` undone."""
    return [(b[known], row[known]) for b, row, known in zip(boxes, labels, labels != NOTHING, strict=True)]


def check_labels(labels, classes: int | None = None, name: str = "labels") -> None:
    """Raise InputError unless ``labels`` is a dict with "boxes" [N, M, 4] and "labels" int64 [N, M], and perhaps "labelled", bool [N].

    Boxes that do not pad must have an area and labels below ``classes``.
    """
    if not isinstance(labels, dict) or not {"boxes", "labels"} <= set(labels) <= {"boxes", "labels", "labelled"}:
        given = f"a dict of {', '.join(map(repr, labels))}" if isinstance(labels, dict) else type(labels).__name__
        raise InputError(f"{name} must be a dict of 'boxes' [N, M, 4] and 'labels' [N, M], and perhaps 'labelled' [N], but {given} was given.")
    boxes, numbers, labelled = labels["boxes"], labels["labels"], labels.get("labelled")
    if boxes.dim() != 3 or boxes.shape[-1] != 4 or not boxes.is_floating_point():
        raise InputError(f"{name}['boxes'] must be floating-point [N, M, 4], but {boxes.dtype} {list(boxes.shape)} was given.")
    if numbers.shape != boxes.shape[:2] or numbers.dtype != torch.int64:
        raise InputError(f"{name}['labels'] must be int64 {list(boxes.shape[:2])}, but {numbers.dtype} {list(numbers.shape)} was given.")
    if labelled is not None and (labelled.shape != boxes.shape[:1] or labelled.dtype != torch.bool):
        raise InputError(f"{name}['labelled'] must be bool {list(boxes.shape[:1])}, but {labelled.dtype} {list(labelled.shape)} was given.")
    real = numbers != NOTHING
    if real.any():
        at_least(f"{name}['labels']", int(numbers.min()), NOTHING)
        if classes is not None and numbers.max() >= classes:
            raise InputError(f"{name}['labels'] must be below {classes}, but {int(numbers.max())} was given.")
        empty = real & ~(area(boxes) > 0)
        if empty.any():
            row, place = empty.nonzero()[0].tolist()
            given = [round(v, 2) for v in boxes[row, place].tolist()]
            raise InputError(f"{name}['boxes'] must be (left, top, right, bottom) with an area, but box {place} of image {row} is {given}.")


def _shared(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The areas of intersection and union."""
    size = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0)
    shared = size[..., 0] * size[..., 1]
    return shared, area(a) + area(b) - shared
