"""Learning to detect from labelled boxes: the baseline beside every distillation of a detector."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from distill_helpers.boxes import TINY, giou
from distill_helpers.checks import at_least, fraction, positive
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.detection.assignment import require_boxes, require_places, targets_of

ABOUT = {"paper": "Tian et al., ICCV 2019", "not entered": "for detectors: notebook 18"}


@dataclass(frozen=True)
class DetectionLoss(Strategy):
    """Focal loss of the classes + box_weight · (1 - GIoU) of the boxes + centerness_weight · cross-entropy of the centerness.

    Tian, Shen, Chen & He, "FCOS: Fully Convolutional One-Stage Object Detection", ICCV 2019, eq. 2 and 3; with GIoU for IoU, boxes weighted by
    their centerness, and centre sampling (``radius``), as in the authors' later version. Focal loss: Lin, Goyal, Girshick, He & Dollár, ICCV 2017,
    eq. 5. All sums are over the batch's places and divided by how many of them answer for an object (boxes: by the sum of their weights).
    reach: a level takes objects whose farthest side lies at most so many strides away; 8 in the paper, for images of 800 pixels.

    Labels are a dict of padded tensors: "boxes" [B, M, 4] in pixels and "labels" int64 [B, M], -1 where a row is padding. An image without
    objects teaches background; where "labelled" (bool [B]) is there and False, nothing is known of the image, and it teaches nothing.
    Raises InputError for gamma, alpha or weights out of range, other labels, or a model that is no detector.
    """

    gamma: float = 2.0
    alpha: float = 0.25
    box_weight: float = 1.0
    centerness_weight: float = 1.0
    radius: float = 1.5
    reach: float = 4.0
    signals = ("labels",)
    needs_labels = True
    needs_teacher = False

    def __post_init__(self):
        fraction("alpha", self.alpha)
        for name in ("gamma", "box_weight", "centerness_weight"):
            at_least(name, getattr(self, name), 0)
        for name in ("radius", "reach"):
            positive(name, getattr(self, name))

    def loss(self, student, teacher, batch):
        y, out = require_boxes(batch.y, "DetectionLoss"), student(batch.x)
        require_places(out, "DetectionLoss")
        logits, boxes, centerness = full(out.logits), full(out.features["boxes"]), full(out.features["centerness"])
        found = targets_of(full(out.features["points"]).detach(), y["boxes"].to(boxes.dtype), y["labels"], self.radius, self.reach)
        says = y["labelled"].unsqueeze(-1) if "labelled" in y else torch.ones_like(found.positive)
        object_here = found.positive & says
        count, weight = object_here.sum().clamp(min=1), found.centerness * object_here
        wanted = (found.labels.unsqueeze(-1) == torch.arange(logits.shape[-1], device=logits.device)).to(logits.dtype)
        classes = focal(logits, wanted, self.gamma, self.alpha).sum(-1)
        apart = 1 - giou(boxes, found.boxes)
        middle = F.binary_cross_entropy_with_logits(centerness, found.centerness, reduction="none")
        return {
            "classes": (classes * says).sum() / count,
            "boxes": self.box_weight * (apart * weight).sum() / weight.sum().clamp(min=TINY),
            "centerness": self.centerness_weight * (middle * object_here).sum() / count,
        }


def focal(logits: Tensor, wanted: Tensor, gamma, alpha) -> Tensor:
    """Focal loss of independent classes, elementwise: alpha_t · (1 - p_t)^gamma · cross-entropy. wanted: 0 or 1, in the shape of the logits."""
    each = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    p = logits.sigmoid()
    wrong = (wanted - p).abs()  # = 1 - p_t
    return (alpha * wanted + (1 - alpha) * (1 - wanted)) * wrong**gamma * each


def full(t: Tensor) -> Tensor:
    """In single precision, where it is in half."""
    return t.to(torch.promote_types(t.dtype, torch.float32))
