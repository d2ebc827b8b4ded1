"""Exercises: average precision by hand, what a control leaves of a gain, and thresholds for pseudo-boxes."""

import torch

from distill_helpers.course.exercises import Exercise, Experiment, Judgement, Mistake, Option

# 1: average precision of one class


def average_precision(scores, right, objects):
    """Area under precision over recall, where the precision at a recall is the best at that recall or any higher one.

    scores [K]; right [K]: 1 where an answer is right, else 0; objects: how many there are.
    """
    hits = right[scores.argsort(descending=True)].double().cumsum(0)
    precision = hits / torch.arange(1, len(hits) + 1)
    best = precision.flip(0).cummax(0).values.flip(0)
    return (best * right[scores.argsort(descending=True)]).sum() / objects


def _ranked(scores, right):
    hits = right[scores.argsort(descending=True)].double().cumsum(0)
    return hits / torch.arange(1, len(hits) + 1), right[scores.argsort(descending=True)]


def _no_envelope(scores, right, objects):
    precision, ranked = _ranked(scores, right)
    return (precision * ranked).sum() / objects


def _unsorted(scores, right, objects):
    return average_precision(torch.arange(len(scores), 0, -1), right, objects)


def _of_found(scores, right, objects):
    return average_precision(scores, right, int(right.sum()))


def _answers(generator):
    cases = []
    for count, objects in ((12, 10), (30, 22), (60, 40)):
        scores = torch.rand(count, generator=generator, dtype=torch.float64)
        right = (torch.rand(count, generator=generator, dtype=torch.float64) < 0.2 + 0.5 * scores).double()
        right[scores.argmin()], right[scores.argmax()] = 1, 0  # the curve rises somewhere, whatever was drawn
        cases.append((scores, right, objects + int(right.sum()) // 2))
    return tuple(cases)


# 3: a threshold for each class of pseudo-boxes

CLASSES, WANTED, SLACK, SHARE = 4, 0.8, 0.08, 0.75
KINDS = torch.tensor([0.4, 1.0, 2.0, 4.0], dtype=torch.float64)  # how fast being right falls with the score, from easy to hard


def thresholds(scores, classes, right):
    """For each class the lowest threshold at which so many of the answers kept are right: [CLASSES]."""
    found = torch.ones(CLASSES, dtype=torch.float64)
    for c in range(CLASSES):
        mine, order = classes == c, scores[classes == c].argsort(descending=True)
        precision = right[mine][order].double().cumsum(0) / torch.arange(1, len(order) + 1)
        enough = (precision >= WANTED).nonzero()
        if len(enough):
            found[c] = scores[mine][order][enough[-1, 0]]
    return found


def _detections(generator, count=24_000):
    """Scores, classes and whether right of a teacher whose score means another thing in each class."""
    scores = torch.rand(count, generator=generator, dtype=torch.float64)
    classes = torch.randint(CLASSES, (count,), generator=generator)
    return scores, classes, torch.rand(count, generator=generator, dtype=torch.float64) < scores ** KINDS[classes]


_SHAPE = f"Return one threshold for each class, a tensor [{CLASSES}] of numbers from 0 to 1."
_WRONG = f"In one class at least, fewer than {WANTED - SLACK:.0%} of the boxes that you keep are right. Does a score mean the same in each class?"
_FEW = f"You keep fewer than {SHARE:.0%} of the boxes that could be kept. How low may the threshold of an easy class be?"


def examine(answer, generator) -> str:
    """What is wrong with thresholds that were chosen on some pictures, on others, or nothing."""
    for _ in range(3):
        scores, classes, right = _detections(generator)
        found = answer(scores.clone(), classes.clone(), right.clone())
        if not isinstance(found, torch.Tensor) or tuple(found.shape) != (CLASSES,):
            return _SHAPE
        new_scores, new_classes, new_right = _detections(generator)
        kept = new_scores >= found.double()[new_classes]
        best = new_scores >= thresholds(scores, classes, right)[new_classes]
        for c in range(CLASSES):
            mine = kept & (new_classes == c)
            if mine.any() and new_right[mine].double().mean() < WANTED - SLACK:
                return _WRONG
        if kept.sum() < SHARE * best.sum():
            return _FEW
    return ""


EXERCISES = [
    Exercise("1", "Average precision of one class.", average_precision, _answers, (
        Mistake(_no_envelope, "At each recall take the best precision at that recall or any higher one."),
        Mistake(_unsorted, "Sort the answers by their scores first, the highest first."),
        Mistake(_of_found, "You divide by the objects that were found; divide by all of them."),
    )),
    Judgement("2", "Over eight replicates PKD gains +2.1 [+1.4, +2.8] points of mAP over the student alone. PKD with the teacher's maps of another "
                   "picture gains +1.8 [+1.0, +2.6]. PKD minus that control is +0.3 [-0.6, +1.2]. What follows?", (
        Option("PKD does not help this student.", "It does: +2.1 points over alone, in an interval above zero. Why it helps is the question."),
        Option("The teacher's maps of the very picture bring +2.1 points.",
               "The control has maps of other pictures and gains nearly as much, so this cause is not shown."),
        Option("PKD helps, and it is not shown that it matters which picture the maps belong to.",
               "Right: the gain over alone is there, and the interval against the control includes zero.", right=True),
        Option("The maps of another picture are as good as those of the very picture.",
               "An interval that includes zero is no proof of equality: this one reaches from -0.6 to +1.2."),
    )),
    Experiment("3", "Thresholds for pseudo-boxes, one for each class.", examine, thresholds, (
        Mistake(lambda scores, classes, right: torch.full((CLASSES,), 0.5), _WRONG),
        Mistake(lambda scores, classes, right: torch.full((CLASSES,), 0.97), _FEW),
        Mistake(lambda scores, classes, right: 0.5, _SHAPE),
    )),
]  # fmt: skip
