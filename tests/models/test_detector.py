"""The small detector: shapes, places, starting answers, and that it stacks."""

import pytest
import torch
from rectangles import rectangles_pool

from distill_helpers.boxes import area
from distill_helpers.checks import InputError
from distill_helpers.models.detector import Detector, places
from distill_helpers.models.outputs import outputs_of
from distill_helpers.training.proof import proved, why_not_stacked


def net(width=3, **settings):
    torch.manual_seed(0)
    return Detector(4, width, **settings)


@pytest.mark.parametrize(("height", "width", "grids"), [(128, 128, (256, 64)), (64, 96, (96, 24)), (50, 70, (63, 20))])
def test_each_place_of_both_grids_answers(height, width, grids):
    out = outputs_of(net(), torch.rand(2, 3, height, width))
    count = sum(grids)
    assert out.logits.shape == (2, count, 4) and out.features["boxes"].shape == (2, count, 4) and out.features["centerness"].shape == (2, count)
    points = out.features["points"]
    assert points.shape == (2, count, 3) and torch.equal(points[0], points[1])
    assert points[0, :, 2].tolist() == [8.0] * grids[0] + [16.0] * grids[1]
    assert points[0, 0].tolist() == [4, 4, 8] and points[0, 1].tolist() == [12, 4, 8] and points[0, grids[0]].tolist() == [8, 8, 16]
    assert out.features["neck8"].shape[:2] == out.features["neck16"].shape[:2] == (2, 6)


def test_a_place_answers_for_its_own_surroundings():
    """The flat order of logits, boxes and places is one and the same, row by row."""
    model, x = net(), torch.rand(1, 3, 128, 64)
    points = outputs_of(model, x).features["points"][0]
    fine = points[:, 2] == 8
    for left, top in ((40, 96), (0, 96), (40, 8)):
        other = x.clone()
        other[..., top : top + 24, left : left + 24] = 1.0
        plain, changed = outputs_of(model, x), outputs_of(model, other)
        moved = (changed.logits - plain.logits)[0, fine].abs().amax(-1)
        nearest = points[fine, :2][moved.topk(6).indices].mean(0)
        assert (nearest - torch.tensor([left + 12.0, top + 12.0])).abs().max() < 18
    assert torch.equal(places(2, 3, 4, x), torch.tensor([[2.0, 2, 4], [6, 2, 4], [10, 2, 4], [2, 6, 4], [6, 6, 4], [10, 6, 4]]))


def test_it_begins_with_rare_classes_and_boxes_of_a_few_cells():
    out = outputs_of(net(8), torch.rand(2, 3, 64, 64))
    assert out.logits.sigmoid().median().item() == pytest.approx(0.01, rel=0.5)
    boxes, points = out.features["boxes"], out.features["points"]
    assert ((boxes[..., :2] < points[..., :2]) & (boxes[..., 2:] > points[..., :2])).all()
    sides = area(boxes).sqrt() / points[..., 2]
    assert sides.min() > 3 and sides.max() < 6


def test_sizes_grow_with_the_width():
    count = lambda model: sum(p.numel() for p in model.parameters())
    w, classes = 3, 4
    convolutions = 27 * w + (18 + 72 + 144 + 2 * 144 + 16 + 72) * w**2
    others = 46 * w + 4 * w + (2 * w + 1) * (classes + 5) + 2  # norms, the neck's biases, heads, scales
    assert count(net(w)) == convolutions + others == 5786
    assert count(net(w, depth=0)) == count(net(w)) - 2 * (144 * w**2 + 8 * w) and 10 * count(net(3)) < count(net(12))
    assert outputs_of(net(), torch.rand(1, 3, 64, 64)).logits.shape == net()(torch.rand(1, 3, 64, 64)).shape


def test_it_is_proved_and_stacks():
    pool = rectangles_pool(6)
    proved(Detector(3, 3), pool, 4)
    assert why_not_stacked(Detector(3, 3), pool) == ""


def test_every_weight_gets_a_gradient():
    model = net()
    out = outputs_of(model, torch.rand(2, 3, 64, 64))
    (out.logits.sum() + out.features["boxes"].sum() + out.features["centerness"].sum()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or p.grad.abs().max() == 0] == []


@pytest.mark.parametrize(("settings", "name"), [(dict(width=0), "width"), (dict(width=3, depth=-1), "depth"), (dict(width=2.5), "width")])
def test_bad_sizes_are_named(settings, name):
    with pytest.raises(InputError, match=name):
        net(**settings)
    with pytest.raises(InputError, match=r"\[B, 3, H, W\]"):
        net()(torch.rand(2, 1, 64, 64))
