"""The lesson on COCO's own files, with torchvision's FCOS for a teacher."""

from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distill_helpers.checks import InputError, needed, one_of, whole
from distill_helpers.course.lessons.coco_detection.task import COCO, Scenes, Task, some
from distill_helpers.data.coco import CocoSet, load_coco
from distill_helpers.data.public.places import data_root
from distill_helpers.models.detector import Detector
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.training.randomness import generator_for

STEPS, WIDTH, SIZE, KNOWN = 20, 24, 256, 400  # times as many steps; the student's width; pixels; pictures with boxes where those are few
IMAGES, ANNOTATIONS, WEIGHTS = "coco/val2017", "coco/annotations/instances_val2017.json", "coco/fcos_resnet50_fpn_coco-99b0c9b7.pth"
FINEST = 8  # pixels, the stride of FCOS' finest level


class FcosTeacher(nn.Module):
    """torchvision's FCOS (Tian et al., ICCV 2019) as a teacher of ``Detector``: its answers at the same places, for the same classes.

    model: a ``torchvision.models.detection.FCOS``. columns: for each class of the student, FCOS' own number of it. zoom: 1, 2 or 4, by which
    pictures are made larger first, since FCOS was trained on larger ones; the two levels whose strides are then 8 and 16 pixels of the picture
    answer, objects of other sizes are left to the levels beside them. levels: other levels in place of these two.
    Inputs [B, 3, H, W] from 0 to 1, sides that are multiples of 16. Logits, boxes, centerness and points as in ``Detector``, "neck8" and "neck16".
    """

    def __init__(self, model: nn.Module, columns, zoom: int = 2, levels: tuple[int, ...] | None = None):
        super().__init__()
        one_of("zoom", zoom, (1, 2, 4))
        first = zoom.bit_length() - 1
        self.model, self.zoom, self.levels = model, zoom, (first, first + 1) if levels is None else tuple(levels)
        self.register_buffer("columns", torch.as_tensor(columns, dtype=torch.int64))
        shape = (1, 3, 1, 1)
        self.register_buffer("mean", torch.tensor(model.transform.image_mean).view(shape))
        self.register_buffer("std", torch.tensor(model.transform.image_std).view(shape))

    def forward(self, x, features: bool = False):
        if x.dim() != 4 or x.shape[1] != 3 or x.shape[2] % 16 or x.shape[3] % 16:
            raise InputError(f"x must be of shape [B, 3, H, W] with sides that are multiples of 16, but {tuple(x.shape)} was given.")
        large = x if self.zoom == 1 else F.interpolate(x, scale_factor=self.zoom, mode="bilinear", antialias=False)
        every = list(self.model.backbone((large - self.mean) / self.std).values())
        maps = [every[level] for level in self.levels]
        out = self.model.head(maps)
        strides = [FINEST * 2**level for level in self.levels]
        corner = torch.cat([_anchors(*m.shape[-2:], s, x) for m, s in zip(maps, strides, strict=True)])
        boxes = self.model.box_coder.decode(out["bbox_regression"], corner.expand(len(x), -1, -1)) / self.zoom
        middle = torch.cat([(corner[:, :2] + corner[:, 2:]) / 2, corner[:, 2:3] - corner[:, :1]], 1) / self.zoom
        named = FeatureDict()
        named.update(boxes=boxes, centerness=out["bbox_ctrness"].squeeze(-1), points=middle.expand(len(x), -1, -1), neck8=maps[0], neck16=maps[1])
        logits = out["cls_logits"][..., self.columns]
        return Outputs(logits, named) if features else logits


def _anchors(height: int, width: int, stride: int, like) -> Tensor:
    """FCOS' anchors, squares of one stride around the corners of a grid's cells, row by row: [height · width, 4]."""
    x, y = (stride * torch.arange(n, dtype=like.dtype, device=like.device) for n in (width, height))
    middle = torch.stack([x.repeat(height), y.repeat_interleave(width)], -1)
    return torch.cat([middle - stride / 2, middle + stride / 2], -1)


def published(weights, category_ids, zoom: int = 2) -> FcosTeacher:
    """FCOS with a ResNet-50, with the weights of the file ``weights`` (torchvision's FCOS_ResNet50_FPN_Weights.COCO_V1, which lie on disk).

    Its class numbers are COCO's category ids. Raises InputError where the file is not there.
    """
    if not Path(weights).is_file():
        raise InputError(
            f"weights must be the file of torchvision's FCOS weights, but {str(weights)!r} is not there; docs/data.md says where from."
        )
    model = needed("torchvision.models.detection").fcos_resnet50_fpn(weights=None, weights_backbone=None)
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    return FcosTeacher(model.eval(), category_ids, zoom)


def application(root=None, *, size: int = SIZE, validation: int = 500, test: int = 1500, most: int | None = None, make=published) -> Task:
    """The lesson on images that FCOS never saw: COCO's val2017, of which some choose, some are read, and the others are the student's.

    FCOS learnt from train2017, so the student must not: no picture is the teacher's own. A replicate draws anew which pictures are whose,
    but for those that are read. root: the folder of all public sets (``data_root``), where IMAGES, ANNOTATIONS and WEIGHTS lie; most: the first so
    many images alone. make: builds the teacher from (weights, category ids).
    Raises InputError for missing files, and where fewer than two pictures are left for the student.
    """
    place = data_root(root)
    whole("validation", validation)
    whole("test", test)
    data = load_coco(place / IMAGES, place / ANNOTATIONS, size, most)
    whole("the pictures without validation and test", len(data) - validation - test, 2)
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))
    read, rest = picked(data, order[:test]), order[test:]

    @lru_cache(maxsize=1)
    def draw(seed: int) -> Scenes:
        mixed = rest[torch.randperm(len(rest), generator=generator_for(seed, "pictures"))]
        return Scenes(None, picked(data, mixed[validation:]), picked(data, mixed[:validation]), lambda: read)

    @lru_cache(maxsize=1)
    def ready():
        return make(place / WEIGHTS, data.category_ids)

    recipe = replace(COCO.recipe, steps=STEPS * COCO.recipe.steps, check_every=STEPS * COCO.recipe.check_every)
    return Task("coco, all of val2017", draw, min(KNOWN, len(data)), ready, COCO.teaching, partial(Detector, len(data.names), WIDTH), recipe,
                STEPS * COCO.longer, ready, crossed=True)  # fmt: skip


def picked(data: CocoSet, rows: Tensor) -> CocoSet:
    """The pictures at int64 rows, in that order, and the truth of these alone."""
    ids = tuple(data.image_ids[i] for i in rows.tolist())
    return some(replace(data, images=data.images[rows], boxes=data.boxes[rows], labels=data.labels[rows], image_ids=ids, scale=data.scale[rows]),
                len(rows))  # fmt: skip
