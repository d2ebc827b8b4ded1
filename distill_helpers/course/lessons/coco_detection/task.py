"""The lesson's task: emoji-coco at 64 pixels, a detector of 158 thousand parameters that teaches, and one of 40 thousand that learns."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial

import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.boxes import NOTHING
from distill_helpers.checks import one_of
from distill_helpers.course.applications.task import ALL, FEW, REGIMES
from distill_helpers.data import Pool
from distill_helpers.data.coco import CocoSet, boxes_pool
from distill_helpers.data.generated.emoji_coco import emoji_coco
from distill_helpers.data.hashing import tensors_hash
from distill_helpers.models.detector import Detector
from distill_helpers.strategies import DetectionLoss
from distill_helpers.training import Recipe, Teacher, fit
from distill_helpers.training.cache import cache_folder, read_table, write_table
from distill_helpers.training.kept_pictures import kept_pictures
from distill_helpers.training.randomness import build_seeded

TEACHES, MINE, VALIDATION, TEST = 800, 400, 200, 600
KNOWN = 80  # of the student's pictures have boxes where labels are few
CLASSES = 10
RECIPE = Recipe(steps=800, lr=1.2e-2, batch_size=16, weight_decay=0.1, check_every=40)
TEACHING = Recipe(steps=1600, lr=8e-3, batch_size=16, weight_decay=0.05)


@dataclass(frozen=True, eq=False)
class Scenes:
    """One replicate's pictures. teaches, mine: the teacher's and the student's; none is both. validation: settings and curves. read: gives
    ``test``, what is read once, at the end; it is made when it is first asked for.
    """

    teaches: CocoSet | None
    mine: CocoSet
    validation: CocoSet
    read: Callable[[], CocoSet]

    @cached_property
    def test(self) -> CocoSet:
        return self.read()


@dataclass(frozen=True)
class Task:
    """draw(seed): the replicate's pictures. few: how many of the student's have boxes where labels are few. teacher, student: builders.
    teaching, recipe: how each is trained. longer: steps of the student that take as long as teacher and student together. ready: gives a
    teacher that is trained already; then teacher and teaching are not used. crossed: whether all replicates read one set of pictures.
    """

    name: str
    draw: Callable[[int], Scenes]
    few: int
    teacher: Callable[[], nn.Module]
    teaching: Recipe
    student: Callable[[], nn.Module]
    recipe: Recipe
    longer: int
    ready: Callable[[], nn.Module] | None = None
    crossed: bool = False


def halved(made: CocoSet) -> CocoSet:
    """The same pictures at half their size: each pixel is the mean of four. Boxes move along; the truth for scoring stays as it was."""
    images = F.avg_pool2d(made.images.float(), 2).round().to(torch.uint8)
    return replace(made, images=images, boxes=made.boxes / 2, scale=made.scale / 2)


def scenes(count: int, seed: int) -> CocoSet:
    """``count`` pictures of emoji-coco at 64 pixels. Kept on disk at 128 pixels, where DISTILL_CACHE names a folder."""
    return halved(kept_pictures(emoji_coco, count, seed))


@lru_cache(maxsize=2)
def draw(seed: int) -> Scenes:
    """Pictures that nobody else has: 800 for the teacher, 400 for the student, 200 to choose with and 600 to read at the end."""
    teaches, mine, check, read = (4 * seed + part for part in range(4))
    return Scenes(scenes(TEACHES, teaches), scenes(MINE, mine), scenes(VALIDATION, check), lambda: scenes(TEST, read))


def pool_of(data: CocoSet, labelled: torch.Tensor | None = None) -> Pool:
    """Each picture and its mirror image behind all the others, with boxes. labelled: bool [N]; boxes of the others are taken out."""
    boxes, labels, width = data.boxes, data.labels, data.images.shape[-1]
    if labelled is not None:
        labels = torch.where(labelled.unsqueeze(1), labels, NOTHING)
        boxes = torch.where((labels != NOTHING).unsqueeze(-1), boxes, 0.0)
    left, top, right, bottom = boxes.unbind(-1)
    turned = torch.where((labels != NOTHING).unsqueeze(-1), torch.stack([width - right, top, width - left, bottom], -1), boxes)
    return boxes_pool(torch.cat([data.images, data.images.flip(-1)]), torch.cat([boxes, turned]), labels.repeat(2, 1), len(data.names),
                      data.name, None if labelled is None else labelled.repeat(2))  # fmt: skip


def pool_in(task: Task, regime: str, drawn: Scenes) -> Pool:
    """The student's pictures: all with their boxes, the first few of them, or all of them of which the same few have boxes."""
    one_of("regime", regime, REGIMES)
    if regime == ALL:
        return pool_of(drawn.mine)
    known = torch.arange(len(drawn.mine)) < task.few
    return pool_of(some(drawn.mine, task.few)) if regime == FEW else pool_of(drawn.mine, known)


def some(data: CocoSet, count: int, first: int = 0) -> CocoSet:
    """So many pictures of a set, and the truth of these alone."""
    rows = slice(first, first + count)
    ids = set(data.image_ids[rows])
    truth = data.truth | {"images": [i for i in data.truth["images"] if i["id"] in ids],
                          "annotations": [a for a in data.truth["annotations"] if a["image_id"] in ids]}  # fmt: skip
    return replace(data, images=data.images[rows], boxes=data.boxes[rows], labels=data.labels[rows], truth=truth, image_ids=data.image_ids[rows],
                   scale=data.scale[rows])  # fmt: skip


@lru_cache(maxsize=2)
def lent_teacher(task: Task, seed: int) -> nn.Module:
    """The teacher of one replicate, trained on its own pictures, in evaluation mode. Kept in the folder that DISTILL_CACHE names, if any."""
    if task.ready is not None:
        return task.ready().eval()
    own, folder = pool_of(task.draw(seed).teaches), cache_folder("auto")
    start = build_seeded(task.teacher, seed)
    key = tensors_hash({}, [Teacher(start).fingerprint, own.fingerprint, repr(task.teaching)])[:32] if folder else ""
    path = folder / f"{task.name}-{key}.safetensors" if folder else None
    kept = read_table(path) if path else None
    if kept is not None:
        start.load_state_dict(kept)
        return start.eval()
    fit(start, own, task.teaching, strategy=DetectionLoss(), seed=seed, progress=False)
    if path:
        write_table(path, dict(start.state_dict()))
    return start.eval()


COCO = Task("coco", draw, KNOWN, partial(Detector, CLASSES, 16), TEACHING, partial(Detector, CLASSES, 8), RECIPE, longer=3400)
