"""Recorded: the student alone that has the teacher's labelled examples as well: its search, then eight replicates; one regime an entry."""

from distill_helpers.course.applications.both import LABELS, with_both
from distill_helpers.course.lessons.mnist.task import MNIST

NAME = "mnist_both"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.04, "nll": 0.3, "ece": 0.05}
SETTINGS = [{"regime": regime} for regime in LABELS]


def kind(setting: dict) -> str:
    """The regime."""
    return setting["regime"]


def run(setting: dict):
    """One row a setting that was tried, and one a replicate, with what each got right."""
    return with_both(MNIST, setting["regime"])
