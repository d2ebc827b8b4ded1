"""Recorded: resident memory of a process that trains on a stream, over some data and over ten times as many; one amount an entry."""

import tempfile
from pathlib import Path

from distill_helpers.course.lessons.imagenet.memory import measured, some, written
from distill_helpers.course.lessons.imagenet.task import CLASSES

NAME = "imagenet_memory"
DATA = ["emoji.npz", "photos.npz"]
VOLATILE = ("resident", "bound", "loss")
LIMIT = 32.0  # MB
SETTINGS = [{"pictures": 3000}, {"pictures": 30_000}]


def kind(setting: dict) -> str:
    """All amounts are of one kind."""
    return "pictures"


def run(setting: dict) -> list[dict]:
    """One row a look at memory: step, resident (MB); and in each row the limit, whether it was enforced, and whether all data could be held."""
    with tempfile.TemporaryDirectory() as place:
        found = measured(written(Path(place) / "shards", setting["pictures"], CLASSES), LIMIT, CLASSES)
    whole = {name: found[name] for name in ("limit", "bound", "held", "data", "loss")}
    return [{"replicate": 0} | row | whole for row in some(found)]
