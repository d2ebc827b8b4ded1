"""Recorded: every arm in every regime with the settings that the search chose, one replicate an entry."""

from distill_helpers.course.applications.task import FIRST, REGIMES, REPLICATES
from distill_helpers.course.lessons.coco_detection.task import COCO
from distill_helpers.course.lessons.coco_detection.trials import in_one_regime
from distill_helpers.course.lessons.coco_detection.tuned import TUNED
from distill_helpers.measure.detection_errors import KINDS

NAME = "coco_detection_arms"
DATA = ["sprites.npz", "photos.npz"]
TOLERANCE = {"ap": 0.02, "ap50": 0.03, "ap75": 0.03, "small": 0.02, "medium": 0.03, "large": 0.15, "f1": 0.04, "threshold": 0.2, "looks": 0.03}
TOLERANCE |= dict.fromkeys(KINDS, 15.0)
SETTINGS = [{"regime": regime, "replicate": FIRST + r} for r in range(REPLICATES) for regime in REGIMES]


def kind(setting: dict) -> str:
    """The regime, whatever the replicate."""
    return setting["regime"]


def run(setting: dict) -> list[dict]:
    """One row an arm; no two replicates share a picture, so nothing is kept of single ones."""
    return in_one_regime(COCO, setting["regime"], TUNED, setting["replicate"])
