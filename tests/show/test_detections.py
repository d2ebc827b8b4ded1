"""Boxes drawn on images."""

import matplotlib
import pytest
import torch
from rectangles import NAMES, rectangles

from distill_helpers.boxes import unpadded
from distill_helpers.checks import InputError
from distill_helpers.measure.detection import Found
from distill_helpers.measure.detection_errors import judged
from distill_helpers.show.detections import detections

matplotlib.use("agg")
IMAGES, BOXES, LABELS = rectangles(2, seed=4)
TRUTH = unpadded(BOXES, LABELS)
CAPTION = "What is there, and what one detector finds."
FOUND = [
    Found(TRUTH[0][0][:1] + 1, torch.tensor([0.8]), TRUTH[0][1][:1]),
    Found(torch.tensor([[0.0, 0, 5, 5]]), torch.tensor([0.7]), torch.tensor([0])),
]


def drawn(picture):
    return [[(p.get_xy(), p.get_width(), p.get_linestyle()) for p in ax.patches] for ax in picture.fig.axes]


def test_each_panel_has_its_boxes_and_the_alt_text_counts_them():
    picture = detections(IMAGES, {"truth": TRUTH, "student": judged(FOUND, BOXES, LABELS)}, NAMES, CAPTION)
    marks = drawn(picture)
    assert len(marks) == 4 and [len(marks[0]), len(marks[2])] == [len(TRUTH[0][0]), len(TRUTH[1][0])]
    assert marks[0][0][0] == tuple(TRUTH[0][0][0, :2].tolist()) and {m[2] for m in marks[0]} == {"-"}
    missed = len(TRUTH[0][0]) - 1 + len(TRUTH[1][0])
    assert sorted(m[2] for m in marks[1] + marks[3]) == sorted(["-", "--", *[":"] * missed])
    words = [t.get_text() for t in picture.fig.axes[3].texts]
    assert "red: background" in words and any(w.endswith(": missed") for w in words)
    assert "2 images" in picture.alt and f"student: {missed} missed" in picture.alt and "1 right" in picture.alt and "1 background" in picture.alt
    for label in LABELS[LABELS >= 0].unique().tolist():
        assert f"{int((label == LABELS).sum())} {NAMES[label]}" in picture.alt.split(";")[0]
    # the course's style puts titles on the left, matplotlib's own in the middle
    assert [ax.get_title(loc="left") + ax.get_title() for ax in picture.fig.axes] == ["truth", "student", "", ""]


def test_plain_answers_and_no_answers():
    none = Found(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    picture = detections(IMAGES[:1], {"teacher": FOUND[:1], "student": [none]}, NAMES, CAPTION)
    assert [len(m) for m in drawn(picture)] == [1, 0] and "1 image with" in picture.alt and "student: none" in picture.alt


def test_bad_panels_are_named():
    with pytest.raises(InputError, match=r"panels\['truth'\] must have one entry for each of 2 images, but 1"):
        detections(IMAGES, {"truth": TRUTH[:1]}, NAMES, CAPTION)
    with pytest.raises(InputError, match=r"panels\['truth'\] must hold pairs"):
        detections(IMAGES, {"truth": [3, 4]}, NAMES, CAPTION)
    with pytest.raises(InputError, match="panels"):
        detections(IMAGES, {}, NAMES, CAPTION)
    with pytest.raises(InputError, match="caption must say"):
        detections(IMAGES, {"truth": TRUTH}, NAMES, "Boxes.")
