"""Recorded on an idle machine: seconds of a step of each arm, of the teacher's training, and of its answers."""

from distill_helpers.course.applications.costs import costs
from distill_helpers.course.lessons.svhn.task import SVHN
from distill_helpers.course.lessons.svhn.tuned import TUNED

NAME = "svhn_costs"
DATA = ["glyphs.npz", "photos.npz"]
VOLATILE = ("took", "fastest", "slowest")
SETTINGS = [{"what": "seconds"}]


def run(setting: dict) -> list[dict]:
    """One row a thing that takes time."""
    return [{"part": row.pop("what")} | row for row in costs(SVHN, TUNED)]
