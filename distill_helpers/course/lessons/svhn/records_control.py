"""Recorded: a student that learnt from labels of the old domain and never had a teacher, at five shifts, one replicate an entry."""

from distill_helpers.course.applications.task import FIRST, REPLICATES
from distill_helpers.course.lessons.svhn.shifted import without_teacher

NAME = "svhn_control"
DATA = ["glyphs.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.04, "repeats": 0.1}
SETTINGS = [{"replicate": FIRST + r} for r in range(REPLICATES)]


def kind(setting: dict) -> str:
    """All replicates are of one kind."""
    return "replicate"


def run(setting: dict) -> list[dict]:
    """One row a shift."""
    return without_teacher(setting["replicate"])
