"""Which place of a detector answers for which object: FCOS' rule as operations on whole tensors."""

from typing import NamedTuple

import torch
from torch import Tensor

from distill_helpers.boxes import NOTHING, TINY, area, distances
from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import describe


class Targets(NamedTuple):
    """positive: bool [B, P], whether the place answers for an object. labels: int64 [B, P], its class, or -1. boxes: [B, P, 4], its box.
    centerness: [B, P], 1 in the middle of the box and 0 at its border; 0 where nothing is.
    """

    positive: Tensor
    labels: Tensor
    boxes: Tensor
    centerness: Tensor


def targets_of(points: Tensor, boxes: Tensor, labels: Tensor, radius, reach) -> Targets:
    """The targets of all places, for points [B, P, 3] (x, y, stride), boxes [B, M, 4] and labels int64 [B, M], -1 for padding.

    Tian et al., "FCOS", ICCV 2019, section 3, with the centre sampling of the authors' later version: a place answers for an object when it
    lies inside its box, at most ``radius`` strides from the box's middle along either axis, and when the farthest of the four sides is within
    the level's range: at most ``reach`` strides away, and more than half of that. The finest level has no lower bound and the coarsest no
    upper one. Among several objects the one of the smallest area counts, the first among equals.
    """
    xy, stride = points[..., None, :2], points[..., None, 2]
    sides = distances(xy, boxes.unsqueeze(1))  # [B, P, M, 4]
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    inside = sides.amin(-1) > 0
    near = (xy - middle.unsqueeze(1)).abs().amax(-1) < radius * stride
    far = sides.amax(-1)
    finest, coarsest = stride.amin(1, keepdim=True), stride.amax(1, keepdim=True)
    fits = ((far > reach * stride / 2) | (stride == finest)) & ((far <= reach * stride) | (stride == coarsest))
    may = inside & near & fits & (labels != NOTHING).unsqueeze(1)
    smallest, which = torch.where(may, area(boxes).unsqueeze(1), torch.inf).min(-1)
    positive = smallest < torch.inf
    chosen = boxes.gather(1, which.unsqueeze(-1).expand(*which.shape, 4))
    return Targets(positive, torch.where(positive, labels.gather(1, which), NOTHING), chosen, centerness_of(points, chosen) * positive)


def centerness_of(points: Tensor, boxes: Tensor) -> Tensor:
    """√(min(l, r)/max(l, r) · min(t, b)/max(t, b)) for points [..., 3] and boxes [..., 4] (eq. 3); 0 outside the box."""
    sides = distances(points[..., :2], boxes)
    ratio = torch.minimum(sides[..., :2], sides[..., 2:]).clamp(min=0) / torch.maximum(sides[..., :2], sides[..., 2:]).clamp(min=TINY)
    return (ratio[..., 0] * ratio[..., 1]).sqrt()


def require_boxes(y, strategy: str) -> dict[str, Tensor]:
    """The padded boxes of a batch, or a clear error when the data carry something else."""
    if not isinstance(y, dict) or not {"boxes", "labels"} <= set(y):
        given = f"a dict of {', '.join(map(repr, y))}" if isinstance(y, dict) else describe(y)
        raise InputError(f"{strategy} needs padded boxes as targets, a dict of 'boxes' [B, M, 4] and 'labels' [B, M], but the data carry {given}.")
    if y["boxes"].dim() != 3 or y["boxes"].shape[-1] != 4 or y["labels"].shape != y["boxes"].shape[:2]:
        shapes = f"{tuple(y['boxes'].shape)} and {tuple(y['labels'].shape)}"
        raise InputError(f"{strategy} needs 'boxes' [B, M, 4] and 'labels' [B, M], but the data carry {shapes}.")
    return y


def require_places(outputs, strategy: str) -> None:
    """Raise unless the outputs are a detector's: logits [B, P, C] beside "boxes", "centerness" and "points"."""
    missing = {"boxes", "centerness", "points"} - set(outputs.features)
    if missing or outputs.logits.dim() != 3:
        raise InputError(f"{strategy} needs a detector: logits [B, P, C] and the features 'boxes', 'centerness' and 'points' (models.detector), "
                         f"but logits {tuple(outputs.logits.shape)} with {', '.join(outputs.features) or 'no features'} were given.")  # fmt: skip
