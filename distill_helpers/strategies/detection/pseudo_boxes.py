"""Pseudo-boxes: an image without labels gets the boxes that the teacher finds in it."""

from dataclasses import dataclass

import torch

from distill_helpers.boxes import NOTHING, check_suppression, padded, scores_of, suppressed
from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import Strategy
from distill_helpers.strategies.detection.assignment import require_boxes
from distill_helpers.strategies.detection.detection_loss import DetectionLoss

BOXES, LABELS = "pseudo boxes", "pseudo labels"
ABOUT = {"paper": "Sohn et al., 2020", "not entered": "for detectors: notebook 18"}


@dataclass(frozen=True)
class PseudoBoxes(Strategy):
    """``inner`` on boxes: those given where the image is labelled, else what the teacher detects in that view with a score above ``threshold``.

    Sohn et al., "A Simple Semi-Supervised Learning Framework for Object Detection" (STAC), 2020, section 3: a teacher trained on the labelled
    images, suppression of its overlapping answers (IoU above ``overlap``), then a high threshold; there the unlabelled images are also augmented
    strongly. An image counts as labelled where "labelled" of its labels is True, or where labels have no such entry; without any labels, all
    are the teacher's. At most ``most`` boxes an image are taken, the surest first; an image in which nothing is sure teaches background.
    The boxes are found once, before the first step. Raises InputError for an inner that uses no labels, and for settings out of range.
    """

    inner: Strategy = DetectionLoss()
    threshold: float = 0.5
    overlap: float = 0.6
    most: int = 20
    signals = ("labels", "outputs", "features")
    teacher_features = ("boxes", "centerness")

    def __post_init__(self):
        if not isinstance(self.inner, Strategy) or not self.inner.needs_labels or self.inner.needs_teacher:
            raise InputError(f"inner must be a strategy that uses labels and no teacher, but {self.inner!r} was given.")
        check_suppression(self.threshold, self.overlap, self.most)

    def prepare_teacher(self, teacher):
        logits, boxes, centerness = (teacher.column(name) for name in ("logits", *self.teacher_features))
        scores = scores_of(logits, centerness).flatten(0, 1)
        found = [suppressed(*one, self.threshold, self.overlap, self.most) for one in zip(scores, boxes.flatten(0, 1), strict=True)]
        sides, numbers = padded([one[0].cpu() for one in found], [one[2].cpu() for one in found], self.most)
        shape = logits.shape[:2]
        # columns are floating point; classes are small whole numbers, which that keeps as they are
        columns = {BOXES: sides.unflatten(0, shape), LABELS: numbers.float().unflatten(0, shape)}
        return teacher.with_columns({name: column.to(logits.device) for name, column in columns.items()})

    def loss(self, student, teacher, batch):
        features = teacher(batch).features
        boxes, labels = features[BOXES], features[LABELS].long()
        if batch.y is not None:
            y = require_boxes(batch.y, "PseudoBoxes")
            given = y["labelled"].unsqueeze(-1) if "labelled" in y else torch.ones_like(labels[:, :1], dtype=torch.bool)
            boxes = torch.cat([y["boxes"].to(boxes.dtype), boxes], 1)
            labels = torch.cat([torch.where(given, y["labels"], NOTHING), torch.where(given, NOTHING, labels)], 1)
        return self.inner.loss(student, teacher, batch._replace(y={"boxes": boxes, "labels": labels}))
