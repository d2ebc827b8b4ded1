"""Recorded: teacher and students at five shifts of domain, one replicate an entry."""

from distill_helpers.course.applications.task import FIRST, REPLICATES
from distill_helpers.course.lessons.svhn.shifted import one_replicate

NAME = "svhn_shift"
DATA = ["glyphs.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.04, "repeats": 0.1}
SETTINGS = [{"replicate": FIRST + r} for r in range(REPLICATES)]


def kind(setting: dict) -> str:
    """All replicates are of one kind."""
    return "replicate"


def run(setting: dict) -> list[dict]:
    """One row a shift and arm."""
    return one_replicate(setting["replicate"])
