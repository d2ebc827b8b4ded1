"""Recorded: the settings of every arm in every regime, chosen on validation over two replicates that are not among the measured ones."""

from distill_helpers.course.applications.task import FEW, REGIMES
from distill_helpers.course.applications.trials import searched
from distill_helpers.course.applications.tuning import best, to_search
from distill_helpers.course.applications.ways import ALONE, SELF
from distill_helpers.course.lessons.imagenet.task import IMAGENET

NAME = "imagenet_search"
DATA = ["emoji.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.04}
SETTINGS = [{"regime": regime, "arm": arm} for regime in REGIMES for arm in to_search(IMAGENET, regime)]


def kind(setting: dict) -> str:
    """The regime, whatever the arm."""
    return setting["regime"]


def run(setting: dict) -> list[dict]:
    """All settings of one arm in one regime: validation accuracy, one row a setting and replicate."""
    alone = best(searched(IMAGENET, FEW, ALONE)) if setting["arm"] == SELF else None
    return searched(IMAGENET, setting["regime"], setting["arm"], alone)
