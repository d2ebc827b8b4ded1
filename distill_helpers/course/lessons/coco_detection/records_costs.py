"""Recorded on an idle machine: seconds of a step of each arm, of the teacher's training, and of its answers."""

from distill_helpers.course.lessons.coco_detection.costs import costs
from distill_helpers.course.lessons.coco_detection.task import COCO
from distill_helpers.course.lessons.coco_detection.tuned import TUNED

NAME = "coco_detection_costs"
DATA = ["sprites.npz", "photos.npz"]
VOLATILE = ("took", "fastest", "slowest")
SETTINGS = [{"what": "seconds"}]


def run(setting: dict) -> list[dict]:
    """One row a thing that takes time."""
    return costs(COCO, TUNED)
