"""The control that has what the teacher learnt from: the student alone, on the teacher's 800 pictures with their boxes beside its own."""

from dataclasses import replace

import torch
from torch.nn import functional as F

from distill_helpers.boxes import NOTHING
from distill_helpers.course.applications.both import READ, SEARCH
from distill_helpers.course.applications.task import ALL, FEW, FIRST, FIRST_SEARCHED, REPLICATES, SEARCHED
from distill_helpers.course.applications.ways import ALONE
from distill_helpers.course.lessons.coco_detection.choosing import best, beyond_edges
from distill_helpers.course.lessons.coco_detection.scoring import precision
from distill_helpers.course.lessons.coco_detection.task import Scenes, Task, pool_of, some
from distill_helpers.course.lessons.coco_detection.trials import FURTHER, train
from distill_helpers.course.lessons.coco_detection.ways import WAYS
from distill_helpers.data import Pool


def pool_with_both(task: Task, regime: str, drawn: Scenes) -> Pool:
    """The teacher's pictures and the student's with boxes, each beside its mirror image, all with their boxes."""
    sets = [drawn.teaches, some(drawn.mine, task.few) if regime == FEW else drawn.mine]
    most = max(s.labels.shape[1] for s in sets)
    boxes = torch.cat([F.pad(s.boxes, (0, 0, 0, most - s.boxes.shape[1])) for s in sets])
    labels = torch.cat([F.pad(s.labels, (0, most - s.labels.shape[1]), value=NOTHING) for s in sets])
    return pool_of(replace(drawn.mine, images=torch.cat([s.images for s in sets]), boxes=boxes, labels=labels))


def with_both(task: Task, regime: str) -> list[dict]:
    """Rows of the part "search": mean average precision on validation of each of alone's settings, gone on beyond an edge as ``searched`` does;
    then of the part "read": the best of them on test, one a measured replicate.
    """
    short, tried = replace(task, recipe=replace(task.recipe, check_every=task.recipe.steps)), []
    cells = WAYS[ALONE].stages()[0]({})
    for _ in range(1 + FURTHER):
        for seed in range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED):
            tried += _scored(short, regime, cells, seed, task.draw(seed).validation)
        cells = beyond_edges(ALONE, tried)
        if not cells:
            break
    read = []
    for seed in range(FIRST, FIRST + REPLICATES):
        read += _scored(short, regime, [best(tried)], seed, task.draw(seed).test)
    return [{"part": SEARCH} | row for row in tried] + [{"part": READ} | row for row in read]


def _scored(task: Task, regime: str, cells: list[dict], seed: int, held) -> list[dict]:
    arms = {str(i): (ALONE, cell) for i, cell in enumerate(cells)}
    found = train(task, ALL, arms, seed, pool=pool_with_both(task, regime, task.draw(seed)))
    lost = [int(n) for n in found.diverged[0]]
    return [cell | {"replicate": seed, "ap": 0.0 if lost[i] else precision(found.model(str(i)), held)["ap"], "diverged": lost[i]}
            for i, cell in enumerate(cells)]  # fmt: skip
