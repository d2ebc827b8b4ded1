"""Recorded: the student alone that has the teacher's pictures and boxes as well: its search, then eight replicates; one regime an entry."""

from distill_helpers.course.applications.both import LABELS
from distill_helpers.course.lessons.coco_detection.both import with_both
from distill_helpers.course.lessons.coco_detection.task import COCO

NAME = "coco_detection_both"
DATA = ["sprites.npz", "photos.npz"]
TOLERANCE = {"ap": 0.02}
SETTINGS = [{"regime": regime} for regime in LABELS]


def kind(setting: dict) -> str:
    """The regime."""
    return setting["regime"]


def run(setting: dict) -> list[dict]:
    """One row a setting that was tried, and one a replicate."""
    return with_both(COCO, setting["regime"])
