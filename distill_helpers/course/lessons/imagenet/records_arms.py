"""Recorded: every arm in every regime with the settings that the search chose, one replicate an entry."""

from distill_helpers.course.applications.task import FIRST, REGIMES, REPLICATES
from distill_helpers.course.applications.trials import in_one_regime
from distill_helpers.course.lessons.imagenet.task import IMAGENET
from distill_helpers.course.lessons.imagenet.tuned import TUNED

NAME = "imagenet_arms"
DATA = ["emoji.npz", "photos.npz"]
TOLERANCE = {"accuracy": 0.04, "top5": 0.03, "nll": 0.3, "ece": 0.05, "agreement": 0.04, "looks": 0.1}
SETTINGS = [{"regime": regime, "replicate": FIRST + r} for r in range(REPLICATES) for regime in REGIMES]


def kind(setting: dict) -> str:
    """The regime, whatever the replicate."""
    return setting["regime"]


def run(setting: dict):
    """One row an arm; no two replicates share a test picture, so nothing is kept of single ones."""
    return in_one_regime(IMAGENET, setting["regime"], TUNED, setting["replicate"])
