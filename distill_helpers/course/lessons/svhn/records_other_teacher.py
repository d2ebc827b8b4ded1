"""Recorded: students of another replicate's teacher, without a shift and at the whole one, one replicate an entry."""

from distill_helpers.course.applications.task import FIRST, REPLICATES
from distill_helpers.course.lessons.svhn.shifted import of_another_teacher

NAME = "svhn_other_teacher"
DATA = ["glyphs.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.04, "repeats": 0.1}
SETTINGS = [{"replicate": FIRST + r} for r in range(REPLICATES)]


def kind(setting: dict) -> str:
    """All replicates are of one kind."""
    return "replicate"


def run(setting: dict) -> list[dict]:
    """One row a shift."""
    return of_another_teacher(setting["replicate"])
