"""How well a detector finds objects: average precision as COCO has it, and what is right and wrong in each image."""

import contextlib
import io
import math
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from distill_helpers.boxes import NOTHING, check_labels, check_suppression, clipped, scores_of, suppressed, unpadded
from distill_helpers.checks import InputError, needed, not_empty, whole


class Found(NamedTuple):
    """What a detector answers for one image: boxes [K, 4] in pixels, scores [K] from 0 to 1, highest first, labels int64 [K]."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    def above(self, threshold: float) -> "Found":
        """The answers with a score of at least ``threshold``."""
        keep = self.scores >= threshold
        return Found(self.boxes[keep], self.scores[keep], self.labels[keep])


class AveragePrecision(NamedTuple):
    """ap: over classes and ten overlaps from 0.5 to 0.95. ap50, ap75: at one overlap. small, medium, large: of objects of an area below 32²,
    to 96², and above, in pixels of the truth. All from 0 to 1; NaN where there is no such object. by_class: {name: ap}.
    """

    ap: float
    ap50: float
    ap75: float
    small: float
    medium: float
    large: float
    by_class: dict[str, float]


@torch.no_grad()
def detect(model, images: Tensor, threshold: float = 0.05, overlap: float = 0.6, most: int = 100, chunk: int = 100) -> list[Found]:
    """The detector's answers to images [N, C, H, W], uint8 or from 0 to 1, in evaluation mode. See ``boxes.suppressed`` for the numbers.

    Boxes are cut off at the image's border. Raises InputError for a model that gives no boxes and centerness.
    """
    check_suppression(threshold, overlap, most)
    whole("chunk", chunk)
    device, training, found = next(model.parameters()).device, model.training, []
    model.eval()
    try:
        for part in images.split(chunk):
            part = part.to(device)
            out = model(part.float() / 255 if part.dtype == torch.uint8 else part, features=True)
            if not {"boxes", "centerness"} <= set(getattr(out, "features", ())):
                raise InputError("model must be a detector, whose outputs have the features 'boxes' and 'centerness' (models.detector).")
            boxes = clipped(out.features["boxes"].float(), images.shape[-1], images.shape[-2]).cpu()
            scores = scores_of(out.logits.float(), out.features["centerness"].float()).cpu()
            found += [Found(*suppressed(s, b, threshold, overlap, most)) for s, b in zip(scores, boxes, strict=True)]
    finally:
        model.train(training)
    return found


def coco_truth(boxes: Tensor, labels: Tensor, width: int, height: int, names=None) -> dict:
    """Padded boxes [N, M, 4] and labels [N, M] as a COCO data set (a dict): images 1 to N, categories 1 to C, areas those of the boxes.

    names: of the classes; without them there are as many as the labels show.
    """
    check_labels({"boxes": boxes, "labels": labels}, len(names) if names is not None else None)
    names = [str(c) for c in range(int(labels.max()) + 1)] if names is None else list(names)
    annotations = []
    for number, (its_boxes, its_labels) in enumerate(unpadded(boxes, labels), 1):
        for box, label in zip(its_boxes.tolist(), its_labels.tolist(), strict=True):
            x, y, w, h = box[0], box[1], box[2] - box[0], box[3] - box[1]
            annotations.append({"id": len(annotations) + 1, "image_id": number, "category_id": label + 1, "bbox": [x, y, w, h], "area": w * h,
                                "iscrowd": 0})  # fmt: skip
    return {
        "info": {}, "images": [{"id": n + 1, "width": width, "height": height} for n in range(len(boxes))], "annotations": annotations,
        "categories": [{"id": c + 1, "name": name} for c, name in enumerate(names)],
    }  # fmt: skip


def coco_results(found: list[Found], image_ids=None, category_ids=None, scale=None) -> list[dict]:
    """Detections in COCO's results format: a list of {"image_id", "category_id", "bbox": [x, y, w, h], "score"}, ready for ``json.dump``.

    image_ids: of each image, 1 to N unless given. category_ids: of each class, 1 to C unless given. scale: [N, 2], by which the images were
    made wider and higher before they were shown to the detector; the boxes are divided by it.
    """
    image_ids = list(range(1, len(found) + 1)) if image_ids is None else [int(i) for i in image_ids]
    if len(image_ids) != len(found):
        raise InputError(f"image_ids must be one for each of {len(found)} images, but {len(image_ids)} were given.")
    results = []
    for place, (image, one) in enumerate(zip(image_ids, found, strict=True)):
        boxes = one.boxes if scale is None else one.boxes / torch.as_tensor(scale[place]).repeat(2).to(one.boxes)
        for box, score, label in zip(boxes.tolist(), one.scores.tolist(), one.labels.tolist(), strict=True):
            category = label + 1 if category_ids is None else int(category_ids[label])
            results.append({"image_id": image, "category_id": category, "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]], "score": score})
    return results


def average_precision(results: list[dict], truth: dict, most: int = 100) -> AveragePrecision:
    """COCO's figures by pycocotools (Lin et al., "Microsoft COCO", ECCV 2014), over all images of ``truth``, those without answers too.

    results: as ``coco_results`` gives them. truth: a COCO data set, from ``coco_truth`` or a file; crowds in it are neither found nor
    missed. Raises InputError for results on images or categories that the truth does not have.
    """
    coco, evaluation = needed("pycocotools.coco"), needed("pycocotools.cocoeval")
    whole("most", most)
    not_empty("truth", len(truth["images"]))
    for key, known in (("image_id", {i["id"] for i in truth["images"]}), ("category_id", {c["id"] for c in truth["categories"]})):
        strange = {r[key] for r in results} - known
        if strange:
            raise InputError(f"results must be about images and categories of the truth, but {key} {min(strange)} is not there.")
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints
        known = coco.COCO()
        known.dataset = {"info": {}, **truth}
        known.createIndex()
        said = coco.COCO()
        said.dataset = {**known.dataset, "annotations": [_answer(number, r) for number, r in enumerate(results, 1)]}
        said.createIndex()
        judge = evaluation.COCOeval(known, said, "bbox")
        judge.params.maxDets = [most]
        judge.evaluate()
        judge.accumulate()
    precision = judge.eval["precision"][..., -1]  # [overlaps, recalls, classes, areas]
    mean = lambda p: float(p[p > -1].mean()) if (p > -1).any() else math.nan
    names = {c["id"]: c["name"] for c in truth["categories"]}
    by_class = {names[c]: mean(precision[:, :, place, 0]) for place, c in enumerate(judge.params.catIds)}
    return AveragePrecision(mean(precision[..., 0]), mean(precision[0, ..., 0]), mean(precision[5, ..., 0]),
                            *(mean(precision[..., a]) for a in (1, 2, 3)), by_class)  # fmt: skip


def _answer(number: int, result: dict) -> dict:
    """A result with the entries that ``COCO.loadRes`` would add; that refuses an empty list."""
    return {**result, "id": number, "area": result["bbox"][2] * result["bbox"][3], "iscrowd": 0}


def overlaps(a: Tensor, b: Tensor) -> np.ndarray:
    """IoU of each box of a [n, 4] with each of b [m, 4]: [n, m]."""
    return needed("torchvision.ops").box_iou(a.float(), b.float()).numpy()


__all__ = ["NOTHING", "AveragePrecision", "Found", "average_precision", "coco_results", "coco_truth", "detect", "overlaps"]
