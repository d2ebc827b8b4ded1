"""Dense soft targets for detectors: at every place the teacher's class probabilities, and its box as far as it is sure of it."""

from dataclasses import dataclass

from torch.nn import functional as F

from distill_helpers.boxes import TINY, giou, scores_of
from distill_helpers.checks import at_least
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.contract.shapes import same_outputs
from distill_helpers.strategies.detection.assignment import require_places
from distill_helpers.strategies.detection.detection_loss import full

ABOUT = {"paper": "Yang et al., ICCV 2023", "not entered": "for detectors: notebook 18"}


@dataclass(frozen=True)
class SoftDetections(Strategy):
    """1/Σc · Σ over places of [weight · Σ |p - q| · BCE(q, p) + box_weight · c · (1 - GIoU) + centerness_weight · c · |a - b| · BCE(b, a)].

    The inner sum is over classes; p are the teacher's probabilities (sigmoid) and q the student's, a and b their centerness, GIoU that of their
    boxes, and c = max p · a is how sure the teacher is that an object is at the place; no labels are needed.
    Yang et al., "Bridging Cross-task Protocol Inconsistency for Distillation in Dense Object Detection", ICCV 2023, where each class is a binary
    problem of its own and |p - q| weighs what is still to be learnt. There the boxes' term is 1 - IoU weighted by max |p - q|; here by c, so that
    it does not end where the classes agree, and GIoU moves boxes that do not overlap. The centerness, which that paper's detectors do not
    have, is treated as one more class.
    Beside labels: ``Combined((DetectionLoss(), SoftDetections()))``. Raises InputError for negative weights and for models that are no detectors.
    """

    weight: float = 1.0
    box_weight: float = 1.0
    centerness_weight: float = 1.0
    signals = ("outputs", "features")
    teacher_features = ("boxes", "centerness")

    def __post_init__(self):
        for name in ("weight", "box_weight", "centerness_weight"):
            at_least(name, getattr(self, name), 0)

    def loss(self, student, teacher, batch):
        s, t = student(batch.x), teacher(batch)
        require_places(s, "SoftDetections")
        same_outputs(t.logits, s.logits)
        sure = confidence(t)
        total = sure.sum().clamp(min=TINY)
        classes = surprised(full(s.logits), t.logits.sigmoid()).sum()
        apart = 1 - giou(full(s.features["boxes"]), t.features["boxes"])
        middle = surprised(full(s.features["centerness"]), t.features["centerness"].sigmoid())
        return {
            "soft classes": self.weight * classes / total,
            "soft boxes": self.box_weight * (sure * apart).sum() / total,
            "soft centerness": self.centerness_weight * (sure * middle).sum() / total,
        }


def confidence(outputs):
    """max over classes of probability · centerness, [B, P]."""
    return scores_of(outputs.logits, outputs.features["centerness"]).amax(-1).square()


def surprised(logits, probabilities):
    """|p - q| · BCE(q, p), elementwise, for logits of q; 0 where q = p."""
    gap = (probabilities - logits.sigmoid()).abs()
    return gap * F.binary_cross_entropy_with_logits(logits, probabilities, reduction="none")
