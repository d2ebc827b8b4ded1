"""How well a detector finds the objects of a set: average precision, errors by kind, and a watcher of validation."""

import math

import torch
from torch import nn

from distill_helpers.data.coco import CocoSet
from distill_helpers.measure.detection import Found, average_precision, coco_results, detect
from distill_helpers.measure.detection_errors import KINDS, MISSED, judged, per_image

PRECISIONS = ("ap", "ap50", "ap75", "small", "medium", "large")
THRESHOLDS = tuple(round(0.05 * k, 2) for k in range(2, 17))  # that F1 is looked at, 0.1 to 0.8
MOST, CROWDED = 30, 100  # surest answers to a picture; the second is COCO's own, where a picture has more than five objects
OBJECTS = 100  # errors are counted for so many true objects


def found_in(model, data: CocoSet) -> list[Found]:
    """The surest answers to each picture of a set, in the pixels of its images: 30, or 100 where a picture has more than five objects."""
    return detect(model, data.images, most=MOST if data.boxes.shape[1] <= 5 else CROWDED)


def precision(model, data: CocoSet) -> dict[str, float]:
    """Average precision by pycocotools, in the pixels of the truth; NaN where there is no object of a size."""
    return precision_of(found_in(model, data), data)


def precision_of(found: list[Found], data: CocoSet) -> dict[str, float]:
    """The same for answers that are there already."""
    values = average_precision(coco_results(found, data.image_ids, data.category_ids, data.scale), data.truth)
    return {name: round(value, 6) for name, value in zip(PRECISIONS, values, strict=False)}


def f1_of(found: list[Found], data: CocoSet, threshold: float) -> float:
    """F1 over all answers and objects of a set at one threshold: 2 right / (answers + objects)."""
    counts = errors_of(found, data, threshold)
    right, answers = counts["right"], sum(n for kind, n in counts.items() if kind != MISSED)
    return 2 * right / max(answers + right + counts[MISSED], 1)


def errors_of(found: list[Found], data: CocoSet, threshold: float) -> dict[str, int]:
    """{kind: how many} over a set: right, twice, wrong class, badly placed, background, missed."""
    numbers = per_image(judged(found, data.boxes, data.labels, threshold))
    return {kind: int(numbers[kind].sum()) for kind in KINDS}


def best_threshold(found: list[Found], data: CocoSet) -> float:
    """The threshold with the best F1, the lowest of equals."""
    return max(THRESHOLDS, key=lambda t: (round(f1_of(found, data, t), 9), -t))


def at_best_threshold(model, validation: CocoSet, test: CocoSet) -> dict[str, float]:
    """The threshold that validation chose, F1 on test, and each kind of answer for every hundred objects there."""
    threshold, found = best_threshold(found_in(model, validation), validation), found_in(model, test)
    counts = errors_of(found, test, threshold)
    objects = counts["right"] + counts[MISSED]
    return {"threshold": threshold, "f1": round(f1_of(found, test, threshold), 6)} | {
        kind: round(OBJECTS * counts[kind] / max(objects, 1), 4) for kind in KINDS
    }


def zero(data: CocoSet) -> dict[str, float]:
    """What a student that diverged counts as: it finds nothing."""
    nothing = precision_of([Found(data.boxes[0, :0], data.boxes[0, :0, 0], data.labels[0, :0])] * len(data), data)
    return (
        {name: 0.0 if math.isnan(value) else value for name, value in nothing.items()}
        | {"threshold": THRESHOLDS[-1], "f1": 0.0}
        | {kind: 100.0 * (kind == MISSED) for kind in KINDS}
    )


class Deployed(nn.Module):
    """A detector as a net with one output, for export: [B, P, classes + 1 + 4], logits, centerness and boxes side by side."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x):
        out = self.model(x, features=True)
        return torch.cat([out.logits, out.features["centerness"].unsqueeze(-1), out.features["boxes"]], -1)


class Watch:
    """A watcher: ap of each student on held-out pictures at each look. ``rows``: one dict for each look and student: step, name, ap."""

    def __init__(self, held_out: CocoSet):
        self.held_out, self.rows = held_out, []

    def __call__(self, run):
        for i, name in enumerate(run.names):
            self.rows.append({"step": run.step, "name": name, "ap": precision(run.model(i), self.held_out)["ap"]})

    def reset(self):
        self.rows = []
