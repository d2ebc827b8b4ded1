"""Recorded on an idle machine: seconds of a step of each arm, of the teacher's training, and of its answers."""

from distill_helpers.course.applications.costs import costs
from distill_helpers.course.lessons.imagenet.task import IMAGENET
from distill_helpers.course.lessons.imagenet.tuned import TUNED

NAME = "imagenet_costs"
DATA = ["emoji.npz", "photos.npz"]
VOLATILE = ("took", "fastest", "slowest")
SETTINGS = [{"what": "seconds"}]


def run(setting: dict) -> list[dict]:
    """One row a thing that takes time."""
    return [{"part": row.pop("what")} | row for row in costs(IMAGENET, TUNED)]
