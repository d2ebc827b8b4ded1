"""The lesson's own pictures of detectors: what flows where, which place answers, boxes drawn, and average precision as an area."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.patches import Rectangle

from distill_helpers.boxes import unpadded
from distill_helpers.course.lessons.coco_detection.scoring import found_in, precision_of
from distill_helpers.measure.detection_errors import RIGHT, judged
from distill_helpers.models.detector import STRIDES, places
from distill_helpers.show import Data, Loss, Net, Picture, drawing, looks, on_page
from distill_helpers.show.detections import detections
from distill_helpers.show.figure import PAGE, PALETTE
from distill_helpers.strategies.detection.assignment import targets_of

LEARNT = ("teacher", "alone", "soft detections")


@on_page
def flow(teacher, student):
    """What flows where."""
    parts = {"teacher's pictures": Data("boxes on all"), "student's pictures": Data("boxes on all, or a few"),
             "teacher": Net(teacher, frozen=True, note="trained on its pictures first"), "student": Net(student),
             "true boxes": Data("drawn by people"), "soft detections": Loss("|p - q| BCE + c (1 - GIoU)"),
             "PKD": Loss("half (s - t)², standardised"), "detection loss": Loss("focal + (1 - GIoU) + centerness")}  # fmt: skip
    arrows = [("teacher's pictures", "teacher", "before"), ("student's pictures", "teacher"), ("student's pictures", "student"),
              ("teacher", "soft detections", "answers"), ("student", "soft detections", "answers"), ("teacher", "PKD", "maps"),
              ("student", "PKD", "maps"), ("student", "detection loss", "answers"), ("true boxes", "detection loss")]  # fmt: skip
    return drawing("One detector teaches, one learns", parts, arrows,
                   "The teacher learns from its own pictures and is frozen. Three losses may pull at the student: the detection loss where "
                   "boxes are known, soft detections at each place, and PKD on the maps inside. An arm uses the first, and one of the others "
                   "or none.")  # fmt: skip


@on_page
def scenes(data, count: int = 8, words: str = "the student's own"):
    """The first pictures of a set with their boxes. words: whose they are."""
    columns = 4
    fig, axes = plt.subplots(-(-count // columns), columns, figsize=(PAGE, 1.75 * -(-count // columns)), squeeze=False)
    truth = unpadded(data.boxes[:count], data.labels[:count])
    for ax, image, (boxes, labels) in zip(axes.flat, data.images, truth, strict=False):
        _image(ax, image)
        for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
            _box(ax, box, PALETTE[label % len(PALETTE)])
    for ax in axes.flat[count:]:
        ax.set_axis_off()
    objects = sum(len(boxes) for boxes, _ in truth)
    return Picture(fig, f"{count} photographs with {objects} emoji on them, a box drawn around each",
                   f"Pictures of emoji-coco at {data.images.shape[-1]} pixels, of {words}. Colours are classes. Some objects lie partly behind "
                   "others; their boxes go around the hidden part too.")  # fmt: skip


@on_page
def answering(data, picture: int = 0, radius: float = 1.5, reach: float = 4.0):
    """Which places of both grids answer for an object of one picture."""
    side = data.images.shape[-1]
    fig, axes = plt.subplots(1, len(STRIDES), figsize=(PAGE, 3.2))
    like, said = torch.zeros(1), []
    points = torch.cat([places(side // s, side // s, s, like) for s in STRIDES])
    found = targets_of(points.unsqueeze(0), data.boxes[picture : picture + 1], data.labels[picture : picture + 1], radius, reach)
    ((boxes, labels),) = unpadded(data.boxes[picture : picture + 1], data.labels[picture : picture + 1])
    for ax, stride in zip(axes, STRIDES, strict=True):
        mine = points[:, 2] == stride
        _image(ax, data.images[picture])
        for box, label in zip(boxes.tolist(), labels.tolist(), strict=True):
            _box(ax, box, PALETTE[label % len(PALETTE)])
        x, y = points[mine, 0].numpy(), points[mine, 1].numpy()
        positive, classes = found.positive[0, mine].numpy(), found.labels[0, mine].tolist()
        ax.scatter(x[~positive], y[~positive], s=8, color="white", edgecolor="black", linewidth=0.4)
        colours = [PALETTE[c % len(PALETTE)] for c, p in zip(classes, positive, strict=True) if p]
        ax.scatter(x[positive], y[positive], s=46, color=colours, edgecolor="black", linewidth=0.8)
        ax.set_title(f"one place every {stride} pixels")
        said.append(f"{int(positive.sum())} of {len(x)} places at stride {stride}")
    return Picture(fig, f"One picture under both grids of places; {' and '.join(said)} answer for an object",
                   "Both grids of places over one picture. A large dot answers for the object of its colour, a small one for background. Small "
                   "objects belong to the fine grid, large ones to the coarse one, and only places near an object's middle answer.")  # fmt: skip


@on_page
def drawn(data, models: dict, thresholds: dict, count: int = 4, first: int = 0):
    """What several detectors find on the same pictures, errors dashed, missed objects dotted. thresholds: of each detector."""
    rows = slice(first, first + count)
    panels = {
        name: judged(found_in(model, _rows(data, rows)), data.boxes[rows], data.labels[rows], thresholds[name]) for name, model in models.items()
    }
    said = "; ".join(f"{name} {sum(j.kinds.count(RIGHT) for j in found)} right, {sum(j.seen.count(False) for j in found)} missed"
                     for name, found in panels.items())  # fmt: skip
    return detections(data.images[rows], panels, data.names,
                      f"The same {count} pictures for each: a whole line is right, a dashed one an error with its kind, a dotted one an object "
                      f"that was missed. {said}.", size=PAGE / len(panels))  # fmt: skip


@on_page
def at_threshold(data, found: dict, threshold: float = 0.3, picture: int = 0):
    """One picture under several detectors' answers above a threshold, and precision against recall over the whole set."""
    fig, axes = plt.subplots(1, len(found), figsize=(PAGE, 2.6))
    said, row = [], slice(picture, picture + 1)
    for ax, (name, answers) in zip(axes, found.items(), strict=True):
        (one,) = judged(answers[row], data.boxes[row], data.labels[row], threshold)
        every = judged(answers, data.boxes, data.labels, threshold)
        right, given, missed = (
            sum(map(count, every)) for count in (lambda j: j.kinds.count(RIGHT), lambda j: len(j.kinds), lambda j: j.seen.count(False))
        )
        _image(ax, data.images[picture])
        for box, label, kind in zip(one.found.boxes.tolist(), one.found.labels.tolist(), one.kinds, strict=True):
            _box(ax, box, PALETTE[label % len(PALETTE)], "-" if kind == RIGHT else "--")
        for box, label, seen in zip(one.boxes.tolist(), one.labels.tolist(), one.seen, strict=True):
            if not seen:
                _box(ax, box, PALETTE[label % len(PALETTE)], ":")
        precision = f"{right / given:.0%}" if given else "no answer"
        ax.set_title(f"{name}\nright {precision}, found {right / max(right + missed, 1):.0%}", fontsize=9)
        said.append(f"{name}: {right} right of {given} answers, {missed} missed")
    return Picture(fig, f"One picture under the answers of {len(found)} detectors with scores of at least {threshold:g}. In {len(data)} pictures: "
                   f"{'; '.join(said)}",
                   f"Answers with a score of at least {threshold:g}: whole lines are right, dashed ones wrong, dotted ones missed. Above each: "
                   f"which share of its answers to {len(data)} pictures is right, and which share of their objects it finds.")  # fmt: skip


@on_page
def precision_and_recall(data, found: dict, overlap: float = 0.5):
    """Precision against recall over all classes, as the threshold falls."""
    fig, ax = plt.subplots(figsize=(PAGE, 3.0))
    said, objects = [], int((data.labels >= 0).sum())
    for (name, answers), look in zip(found.items(), looks(len(found)), strict=True):
        every = judged(answers, data.boxes, data.labels, 0.0, overlap)
        scores = torch.cat([j.found.scores for j in every]).numpy()
        right = np.array([kind == RIGHT for j in every for kind in j.kinds])[np.argsort(-scores, kind="stable")]
        hits = right.cumsum()
        ax.plot(hits / objects, hits / np.arange(1, len(right) + 1), lw=1.6, label=name, **{**look, "marker": ""})
        said.append(f"{name} finds {hits[-1] / objects:.0%} at the lowest threshold")
    ax.set(xlabel="recall: share of the objects that are found", ylabel="precision: share right", xlim=(0, 1), ylim=(0, 1))
    ax.legend(fontsize=8)
    return Picture(fig, f"Precision against recall at an overlap of {overlap:g}: {'; '.join(said)}",
                   "From left to right the threshold falls: more objects are found, and fewer answers are right. Average precision is the area "
                   "under such a curve, taken for each class and averaged.")  # fmt: skip


def precision_rows(data, found: dict) -> list[dict]:
    """One row a detector for ``dh.table``: average precision on a set, in points."""
    return [{"detector": name} | {key: 100 * value for key, value in precision_of(answers, data).items()} for name, answers in found.items()]


def _rows(data, rows):
    return replace(data, images=data.images[rows])


def _image(ax, image):
    # not resampled: a stored frame then holds the 64 pixels of the picture and no more
    ax.imshow(image.permute(1, 2, 0).numpy(), interpolation="none")
    ax.set(xticks=[], yticks=[])
    ax.grid(False)


def _box(ax, box, colour, style="-"):
    left, top, right, bottom = box
    ax.add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=colour, linestyle=style, linewidth=1.8))
