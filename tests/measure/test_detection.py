"""Average precision, errors by kind, and a small detector that learns drawn rectangles."""

import math

import numpy as np
import pytest
import torch
from rectangles import NAMES, rectangles, rectangles_pool

from distill_helpers.boxes import unpadded
from distill_helpers.checks import InputError
from distill_helpers.measure.detection import Found, average_precision, coco_results, coco_truth, detect
from distill_helpers.measure.detection_errors import BACKGROUND, KINDS, MISSED, PLACED, RIGHT, TWICE, WRONG, judged, per_image
from distill_helpers.models import BigMLP
from distill_helpers.models.detector import Detector
from distill_helpers.strategies import DetectionLoss
from distill_helpers.training import Recipe, distill
from distill_helpers.training.randomness import build_seeded

IMAGES, BOXES, LABELS = rectangles(40, seed=5)
TRUTH = coco_truth(BOXES, LABELS, 64, 64, NAMES)


def answers(shift=0.0, score=0.9, keep=lambda place: True):
    """The true boxes as answers, moved to the right."""
    found = []
    for boxes, labels in unpadded(BOXES, LABELS):
        rows = [place for place in range(len(boxes)) if keep(place)]
        moved = boxes[rows] + torch.tensor([shift, 0, shift, 0])
        found.append(Found(moved, torch.full((len(rows),), score), labels[rows]))
    return found


def ap(found, **settings):
    return average_precision(coco_results(found), TRUTH, **settings)


# ---- average precision ---------------------------------------------------------------------------------------------------------


def test_true_boxes_have_all_moved_boxes_less_and_no_answers_none():
    best = ap(answers())
    assert best.ap == best.ap50 == best.ap75 == best.small == 1 and math.isnan(best.large)
    assert best.by_class == dict.fromkeys(NAMES, 1.0)
    moved, far = ap(answers(2)), ap(answers(30))
    assert far.ap < 0.05 < 0.3 < moved.ap < 0.95 and moved.ap75 < moved.ap50
    nothing = ap([f.above(2.0) for f in answers()])
    assert nothing.ap == nothing.ap50 == 0 and nothing.by_class == dict.fromkeys(NAMES, 0.0)


def test_the_least_overlap_is_a_half():
    boxes, label = torch.tensor([[[0.0, 0, 20, 20]]]), torch.tensor([[0]])
    moved = Found(boxes[0] + torch.tensor([6.0, 0, 6, 0]), torch.ones(1), label[0])  # IoU 14/26
    result = average_precision(coco_results([moved]), coco_truth(boxes, label, 64, 64))
    assert result.ap50 == pytest.approx(1) and result.ap == pytest.approx(0.1) and result.ap75 == 0


def test_a_wrong_answer_that_is_sure_costs_more_than_one_that_is_not():
    extra = lambda score: [Found(torch.cat([f.boxes, torch.tensor([[0.0, 0, 5, 5]])]), torch.cat([f.scores, torch.tensor([score])]),
                                 torch.cat([f.labels, torch.tensor([0])])) for f in answers()]  # fmt: skip
    assert ap(extra(0.99)).ap < ap(extra(0.1)).ap == 1


def test_an_average_by_hand():
    """Three objects of one class; right, wrong, right in order of score: precision 1 at recall 1/3, 2/3 at 2/3, none above."""
    boxes = torch.tensor([[[0.0, 0, 10, 10], [20, 20, 30, 30], [40, 40, 50, 50]]])
    truth = coco_truth(boxes, torch.zeros(1, 3, dtype=torch.int64), 64, 64)
    answered = torch.tensor([[0.0, 0, 10, 10], [50, 0, 60, 10], [20, 20, 30, 30]])
    found = Found(answered, torch.tensor([0.9, 0.8, 0.7]), torch.zeros(3, dtype=torch.int64))
    result = average_precision(coco_results([found]), truth)
    recalls = np.linspace(0, 1, 101)
    wanted = np.where(recalls <= 1 / 3, 1, np.where(recalls <= 2 / 3, 2 / 3, 0)).mean()
    assert result.ap50 == pytest.approx(wanted, abs=1e-6) and result.ap == pytest.approx(wanted, abs=1e-6)
    assert average_precision(coco_results([found]), truth, most=1).ap50 == pytest.approx(np.where(recalls <= 1 / 3, 1, 0).mean(), abs=1e-6)


def test_sizes_are_told_apart_by_the_area_of_the_truth():
    boxes = torch.tensor([[[0.0, 0, 20, 20], [30, 30, 90, 90], [0, 0, 0, 0]], [[0, 0, 120, 120], [0, 0, 0, 0], [0, 0, 0, 0]]])
    labels = torch.tensor([[0, 0, -1], [0, -1, -1]])
    found = [Found(boxes[0, 1:2], torch.ones(1), labels[0, 1:2]), Found(boxes[1, :1] + 1, torch.ones(1), labels[1, :1])]
    result = average_precision(coco_results(found), coco_truth(boxes, labels, 128, 128))
    assert result.small == 0 and result.medium == pytest.approx(1) and result.large > 0.9


def test_a_crowd_is_neither_found_nor_missed():
    crowd = {"id": 1000, "image_id": 1, "category_id": 1, "bbox": [0, 0, 64, 64], "area": 64 * 64, "iscrowd": 1}
    truth = {**TRUTH, "annotations": [*TRUTH["annotations"], crowd]}
    assert average_precision(coco_results(answers()), truth).ap == 1
    inside = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 60, 60], "score": 0.99}
    results = [*coco_results(answers()), inside]
    assert average_precision(results, truth).ap == 1 > average_precision(results, TRUTH).ap


def test_results_lead_back_to_the_files():
    found = Found(torch.tensor([[2.0, 4, 6, 12]]), torch.tensor([0.5]), torch.tensor([1]))
    (result,) = coco_results([found], image_ids=(77,), category_ids=(3, 9), scale=torch.tensor([[0.5, 2.0]]))
    assert result == {"image_id": 77, "category_id": 9, "bbox": [4.0, 2.0, 8.0, 4.0], "score": 0.5}


def test_bad_results_are_named():
    with pytest.raises(InputError, match="image_id 99 is not there"):
        average_precision([{"image_id": 99, "category_id": 1, "bbox": [0, 0, 1, 1], "score": 1.0}], TRUTH)
    with pytest.raises(InputError, match="category_id 8 is not there"):
        average_precision([{"image_id": 1, "category_id": 8, "bbox": [0, 0, 1, 1], "score": 1.0}], TRUTH)
    with pytest.raises(InputError, match="image_ids must be one for each of 40 images"):
        coco_results(answers(), image_ids=[1, 2])
    with pytest.raises(InputError, match="must be below 2"):
        coco_truth(BOXES, LABELS, 64, 64, ["a", "b"])


# ---- errors by kind ------------------------------------------------------------------------------------------------------------


def test_each_answer_has_its_kind():
    boxes = torch.tensor([[[0.0, 0, 20, 20], [30, 0, 50, 20], [0, 40, 20, 60]]])
    labels = torch.tensor([[0, 1, 2]])
    given = [
        ([0, 0, 20, 20], 0, 0.9, RIGHT), ([1, 0, 21, 20], 0, 0.8, TWICE), ([30, 0, 50, 20], 2, 0.7, WRONG), ([0, 50, 20, 70], 2, 0.6, PLACED),
        ([44, 44, 60, 60], 1, 0.5, BACKGROUND), ([0, 0, 20, 20], 0, 0.1, None),
    ]  # fmt: skip
    found = Found(torch.tensor([g[0] for g in given]).float(), torch.tensor([g[2] for g in given]), torch.tensor([g[1] for g in given]))
    (one,) = judged([found], boxes, labels)
    assert one.kinds == tuple(kind for *_, kind in given if kind) and one.seen == (True, False, False)
    counts = per_image([one])
    assert {kind: counts[kind].tolist() for kind in KINDS} == {**dict.fromkeys(KINDS, [1]), MISSED: [2]}
    assert counts["f1"][0] == pytest.approx(2 / (5 + 3))


def test_the_higher_score_finds_the_object_and_the_nearer_object_is_found():
    boxes, labels = torch.tensor([[[0.0, 0, 20, 20], [4, 0, 24, 20]]]), torch.tensor([[0, 0]])
    found = Found(torch.tensor([[4.0, 0, 24, 20], [3, 0, 23, 20]]), torch.tensor([0.9, 0.8]), torch.tensor([0, 0]))
    (one,) = judged([found], boxes, labels)
    assert one.kinds == (RIGHT, RIGHT) and one.seen == (True, True)
    (one,) = judged([found.above(0.85)], boxes, labels)
    assert one.seen == (False, True)


def test_images_without_objects_or_answers():
    none = Found(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))
    some = Found(torch.tensor([[0.0, 0, 5, 5]]), torch.ones(1), torch.tensor([0]))
    boxes, labels = torch.zeros(3, 1, 4), torch.tensor([[-1], [-1], [0]])
    boxes[2] = torch.tensor([1.0, 1, 9, 9])
    counts = per_image(judged([none, some, none], boxes, labels))
    assert counts["f1"].tolist() == [1, 0, 0] and counts[BACKGROUND].tolist() == [0, 1, 0] and counts[MISSED].tolist() == [0, 0, 1]


def test_bad_judgements_are_named():
    with pytest.raises(InputError, match="found must be one for each of 40 images"):
        judged(answers()[:3], BOXES, LABELS)
    with pytest.raises(InputError, match="touch must be at most overlap"):
        judged(answers(), BOXES, LABELS, touch=0.7)
    with pytest.raises(InputError, match="threshold"):
        judged(answers(), BOXES, LABELS, threshold=3)


# ---- a detector ----------------------------------------------------------------------------------------------------------------


def test_a_detector_learns_rectangles():
    pool, recipe = rectangles_pool(128), Recipe(steps=200, batch_size=16, lr=3e-3, check_every=100)
    run = distill(lambda: Detector(3, 8), None, pool, DetectionLoss(), seeds=(0,), recipe=recipe, progress=False)
    untrained, trained = build_seeded(lambda: Detector(3, 8), 0), run.model(0)
    before, after = (average_precision(coco_results(detect(model, IMAGES)), TRUTH) for model in (untrained, trained))
    assert before.ap50 < 0.05 and after.ap50 > 0.6 and 0.25 < after.ap < after.ap50
    scores = [per_image(judged(detect(model, IMAGES), BOXES, LABELS))["f1"].mean() for model in (untrained, trained)]
    assert scores[0] < 0.1 < 0.5 < scores[1]
    loss = sum(run.history.values())[:, 0]
    assert loss[-20:].mean() < 0.5 * loss[:20].mean()


def test_answers_do_not_depend_on_the_chunk_and_stay_inside():
    model = build_seeded(lambda: Detector(3, 4), 1)
    torch.nn.init.normal_(model.box_head.weight, std=2.0)
    torch.nn.init.zeros_(model.class_head.bias)
    model.train()
    seen = []
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    one, two = detect(model, IMAGES[:7], chunk=3), detect(model, IMAGES[:7].float() / 255)
    assert model.training and torch.equal(torch.cat(seen[:-1]), seen[-1]) and seen[-1].max() <= 1
    for a, b in zip(one, two, strict=True):
        assert len(a.boxes) and torch.equal(a.labels, b.labels) and torch.allclose(a.boxes, b.boxes, atol=1e-4)
        assert a.boxes.min() >= 0 and a.boxes.max() <= 64 and (a.scores.diff() <= 0).all()
        assert len(a.above(0.5).boxes) == int((a.scores >= 0.5).sum())


def test_a_classifier_is_no_detector():
    with pytest.raises(InputError, match="model must be a detector"):
        detect(BigMLP(3 * 64 * 64, 4, 1, 3), IMAGES)
