"""Recorded: the settings of every arm in every regime, chosen on validation over two replicates that are not among the measured ones."""

from distill_helpers.course.applications.task import REGIMES
from distill_helpers.course.lessons.coco_detection.task import COCO
from distill_helpers.course.lessons.coco_detection.trials import searched
from distill_helpers.course.lessons.coco_detection.ways import to_search

NAME = "coco_detection_search"
DATA = ["sprites.npz", "photos.npz"]
TOLERANCE = {"ap": 0.02}
SETTINGS = [{"regime": regime, "arm": arm} for regime in REGIMES for arm in to_search(regime)]


def kind(setting: dict) -> str:
    """The regime, whatever the arm."""
    return setting["regime"]


def run(setting: dict) -> list[dict]:
    """All settings of one arm in one regime: mean average precision on validation, one row a setting and replicate."""
    return searched(COCO, setting["regime"], setting["arm"])
