"""Recorded: the student alone that has the teacher's labelled examples as well: its search, then eight replicates; one regime an entry."""

from distill_helpers.course.applications.both import LABELS, with_both
from distill_helpers.course.lessons.svhn.task import SVHN

NAME = "svhn_both"
DATA = ["glyphs.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.04, "nll": 0.3, "ece": 0.05}
SETTINGS = [{"regime": regime} for regime in LABELS]


def kind(setting: dict) -> str:
    """The regime."""
    return setting["regime"]


def run(setting: dict):
    """One row a setting that was tried, and one a replicate."""
    return with_both(SVHN, setting["regime"])
