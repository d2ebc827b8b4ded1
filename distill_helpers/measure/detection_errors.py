"""What is right and wrong in each image: errors of a detector by kind, and a number for each image."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from distill_helpers.boxes import check_labels, unpadded
from distill_helpers.checks import InputError, fraction
from distill_helpers.measure.detection import Found, overlaps

RIGHT, TWICE, WRONG, PLACED, BACKGROUND, MISSED = "right", "twice", "wrong class", "badly placed", "background", "missed"
KINDS = (RIGHT, TWICE, WRONG, PLACED, BACKGROUND, MISSED)


class Judged(NamedTuple):
    """One image: what was found above the threshold, the kind of each answer, for each true object whether it was found, and the objects."""

    found: Found
    kinds: tuple[str, ...]
    seen: tuple[bool, ...]
    boxes: Tensor
    labels: Tensor


def judged(found: list[Found], boxes: Tensor, labels: Tensor, threshold: float = 0.5, overlap: float = 0.5, touch: float = 0.1) -> list[Judged]:
    """Each image's answers with a score of at least ``threshold``, the highest first, by kind. boxes [N, M, 4], labels [N, M]: the truth, padded.

    "right": overlaps an object of its class by ``overlap`` (IoU) or more that no higher score has found, the one of the largest overlap.
    "twice": such objects are all found already. "wrong class": overlaps an object of another class by ``overlap``. "badly placed": overlaps one of
    its class by ``touch``. "background": all else. An object without a right answer is "missed". After Bolya, Foley, Hays & Hoffman, "TIDE: A
    General Toolbox for Identifying Object Detection Errors", ECCV 2020, section 2.2, whose "both" is background here.
    Raises InputError for numbers outside [0, 1], touch above overlap, or not one answer for each image.
    """
    for name, value in (("threshold", threshold), ("overlap", overlap), ("touch", touch)):
        fraction(name, value)
    if touch > overlap:
        raise InputError(f"touch must be at most overlap, {overlap}, but {touch!r} was given.")
    check_labels({"boxes": boxes, "labels": labels})
    if len(found) != len(boxes):
        raise InputError(f"found must be one for each of {len(boxes)} images, but {len(found)} were given.")
    return [_one(f.above(threshold), *true, overlap, touch) for f, true in zip(found, unpadded(boxes, labels), strict=True)]


def _one(found: Found, boxes, labels, overlap, touch) -> Judged:
    shared, truth, seen, kinds = overlaps(found.boxes, boxes), labels.numpy(), np.zeros(len(labels), dtype=bool), []
    for row, label in zip(shared, found.labels.tolist(), strict=True):
        same = truth == label
        free = np.where(same & ~seen, row, -1.0)
        if len(row) and free.max() >= overlap:
            seen[free.argmax()] = True
            kinds.append(RIGHT)
            continue
        mine, others = (row[mask].max(initial=0.0) for mask in (same, ~same))
        # an overlap of 0 is none, whatever touch says
        placed = mine >= touch and mine > 0
        kinds.append(TWICE if mine >= overlap else WRONG if others >= overlap else PLACED if placed else BACKGROUND)
    return Judged(found, tuple(kinds), tuple(bool(s) for s in seen), boxes, labels)


def per_image(judgements: list[Judged]) -> dict[str, np.ndarray]:
    """{kind: how many, int [N]} for each of KINDS, and "f1" [N], so that replicates can be compared image by image.

    F1 = 2 right / (answers + objects): the harmonic mean of precision and recall in that image; 1 where there is neither object nor answer.
    Average precision has no such share of each image, since it ranks the answers to all of them.
    """
    counts = {kind: np.array([j.kinds.count(kind) for j in judgements], dtype=int) for kind in KINDS[:-1]}
    counts[MISSED] = np.array([j.seen.count(False) for j in judgements], dtype=int)
    both = sum(counts.values()) + counts[RIGHT]  # answers and objects together: what is right is one of each
    return {**counts, "f1": np.where(both > 0, 2 * counts[RIGHT] / np.maximum(both, 1), 1.0)}
