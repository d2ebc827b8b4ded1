"""Geometry of boxes, held against torchvision."""

import pytest
import torch
from torchvision import ops
from torchvision.models.detection._utils import BoxLinearCoder

from distill_helpers import boxes as geometry
from distill_helpers.boxes import area, around, check_labels, clipped, distances, giou, iou, padded, scores_of, suppressed, unpadded
from distill_helpers.checks import InputError


def random_boxes(count, seed=0, side=50.0):
    corners = side * torch.rand(count, 2, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return torch.cat([corners.amin(1), corners.amax(1) + 1], -1)


def test_areas_and_overlaps_are_torchvisions():
    a, b = random_boxes(40), random_boxes(30, 1)
    torch.testing.assert_close(area(a), ops.box_area(a))
    torch.testing.assert_close(iou(a.unsqueeze(1), b), ops.box_iou(a, b))
    torch.testing.assert_close(giou(a.unsqueeze(1), b), ops.generalized_box_iou(a, b), rtol=1e-6, atol=1e-6)
    assert giou(a.unsqueeze(1), b).min() < -0.2  # some lie far apart


def test_giou_and_its_gradient_are_those_of_torchvisions_loss():
    a, b = random_boxes(40).requires_grad_(), random_boxes(40, 1)
    mine, theirs = (1 - giou(a, b)).sum(), ops.generalized_box_iou_loss(a, b, reduction="sum")
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=1e-6)
    ours, reference = (torch.autograd.grad(loss, a)[0] for loss in (mine, theirs))
    torch.testing.assert_close(ours, reference, rtol=1e-5, atol=1e-7)


def test_empty_boxes_overlap_nothing_and_have_finite_gradients():
    nothing = torch.zeros(3, 4, requires_grad=True)
    for measure in (iou, giou):
        assert measure(nothing, nothing).eq(0).all()
        (slope,) = torch.autograd.grad(measure(nothing, torch.zeros(3, 4)).sum(), nothing)
        assert slope.isfinite().all()
    assert area(torch.tensor([5.0, 5.0, 1.0, 1.0])) == 0


def test_coding_is_undone_and_agrees_with_torchvisions():
    boxes, points = random_boxes(20), 50 * torch.rand(20, 2, dtype=torch.double)
    sides = distances(points, boxes)
    torch.testing.assert_close(around(points, sides), boxes)
    # torchvision's coder is relative to an anchor's middle
    anchors = torch.cat([points - 1, points + 1], -1)
    torch.testing.assert_close(sides, BoxLinearCoder(normalize_by_size=False).encode(anchors, boxes), rtol=1e-6, atol=1e-6)


def test_clipping_is_torchvisions():
    boxes = random_boxes(30) - 10
    torch.testing.assert_close(clipped(boxes, 32, 20), ops.clip_boxes_to_image(boxes, (20, 32)))


def slow_suppression(scores, boxes, threshold, overlap, most):
    """Class by class: the highest score stays, what overlaps it goes."""
    kept = []
    for label in range(scores.shape[1]):
        rest = sorted((i for i in range(len(boxes)) if scores[i, label] > threshold), key=lambda i: -scores[i, label])
        while rest:
            first, *rest = rest
            kept.append((float(scores[first, label]), first, label))
            rest = [i for i in rest if ops.box_iou(boxes[first][None], boxes[i][None]) <= overlap]
    return sorted(kept, reverse=True)[:most]


def test_suppression_keeps_what_a_plain_loop_keeps():
    generator = torch.Generator().manual_seed(3)
    scores, boxes = torch.rand(40, 3, generator=generator), random_boxes(40, 4).float()
    for threshold, overlap, most in ((0.3, 0.4, 100), (0.0, 0.1, 100), (0.5, 0.9, 5), (1.0, 0.5, 5)):
        wanted = slow_suppression(scores, boxes, threshold, overlap, most)
        found, score, label = suppressed(scores, boxes, threshold, overlap, most)
        assert score.tolist() == pytest.approx([w[0] for w in wanted]) and label.tolist() == [w[2] for w in wanted]
        assert torch.equal(found, boxes[[w[1] for w in wanted]])


def test_a_score_is_the_root_of_probability_and_centerness():
    logits, centre = torch.tensor([[0.0, 3.0]]), torch.tensor([-1.0])
    assert scores_of(logits, centre)[0].tolist() == pytest.approx((logits.sigmoid() * centre.sigmoid()).sqrt()[0].tolist())


def test_padding_is_undone():
    given = [(random_boxes(n, n).float(), torch.arange(n)) for n in (2, 0, 3)]
    boxes, labels = padded([b for b, _ in given], [k for _, k in given])
    assert boxes.shape == (3, 3, 4) and labels.tolist() == [[0, 1, -1], [-1, -1, -1], [0, 1, 2]]
    for (b, k), (again, numbers) in zip(given, unpadded(boxes, labels), strict=True):
        assert torch.equal(b, again) and torch.equal(k, numbers)
    assert padded([torch.zeros(0, 4)], [torch.zeros(0)])[1].tolist() == [[-1]]
    assert padded([random_boxes(1)], [torch.tensor([4])], most=3)[1].tolist() == [[4, -1, -1]]
    with pytest.raises(InputError, match="most must be at least 2, the boxes of image 0"):
        padded([random_boxes(2)], [torch.zeros(2)], most=1)
    with pytest.raises(InputError, match="one for each box"):
        padded([random_boxes(2)], [torch.zeros(1)])


RIGHT = {"boxes": torch.tensor([[[0.0, 0, 4, 4], [0, 0, 0, 0]]]), "labels": torch.tensor([[1, -1]])}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"boxes": torch.zeros(1, 2)}, r"\['boxes'\] must be floating-point \[N, M, 4\]"),
        ({"boxes": torch.zeros(1, 2, 4, dtype=torch.int64)}, r"\['boxes'\] must be floating-point"),
        ({"labels": torch.tensor([[1]])}, r"\['labels'\] must be int64 \[1, 2\]"),
        ({"labels": torch.tensor([[1.0, -1.0]])}, r"\['labels'\] must be int64"),
        ({"labels": torch.tensor([[3, -1]])}, "must be below 3, but 3 was given"),
        ({"labels": torch.tensor([[1, -2]])}, "must be at least -1"),
        ({"labels": torch.tensor([[1, 0]])}, r"with an area, but box 1 of image 0 is \[0.0, 0.0, 0.0, 0.0\]"),
        ({"labelled": torch.tensor([1])}, r"\['labelled'\] must be bool \[1\]"),
        ({"other": torch.tensor([1])}, "must be a dict of 'boxes'"),
    ],
)
def test_bad_labels_are_named(changed, message):
    check_labels(RIGHT, 3)
    with pytest.raises(InputError, match=message):
        check_labels({**RIGHT, **changed}, 3)


@pytest.mark.parametrize(("name", "bad"), [("threshold", 1.5), ("overlap", -0.1), ("most", 0)])
def test_bad_numbers_of_suppression_are_named(name, bad):
    with pytest.raises(InputError, match=name):
        suppressed(torch.rand(2, 1), torch.rand(2, 4), **{name: bad})
    assert geometry.NOTHING == -1
