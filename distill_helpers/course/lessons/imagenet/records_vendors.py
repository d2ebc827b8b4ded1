"""Recorded: teacher and students that learnt from one vendor's drawings, read on both vendors', one replicate an entry."""

from distill_helpers.course.applications.task import FIRST, REPLICATES
from distill_helpers.course.lessons.imagenet.vendors import one_replicate

NAME = "imagenet_vendors"
DATA = ["emoji.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.05, "top5": 0.05, "nll": 0.5, "ece": 0.1, "agreement": 0.05}
SETTINGS = [{"replicate": FIRST + r} for r in range(REPLICATES)]


def kind(setting: dict) -> str:
    """All replicates are of one kind."""
    return "replicate"


def run(setting: dict) -> list[dict]:
    """One row a vendor and arm."""
    return one_replicate(setting["replicate"])
