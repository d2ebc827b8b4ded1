"""Strategies for detectors: FCOS' assignment against a plain loop, losses against torchvision, and what every strategy must satisfy."""

import math
from dataclasses import replace

import pytest
import torch
from mutation import Checks
from rectangles import rectangles_pool
from torch import nn
from torch.func import vmap
from torchvision import ops
from waits import Waits

from distill_helpers.boxes import NOTHING
from distill_helpers.checks import InputError
from distill_helpers.data import ArrayPool
from distill_helpers.data.coco import boxes_pool
from distill_helpers.models.detector import Detector, places
from distill_helpers.models.outputs import outputs_of
from distill_helpers.strategies import (
    Combined,
    DetectionLoss,
    HardLabels,
    PearsonDistillation,
    PseudoBoxes,
    RandomTeacher,
    ShuffledTeacher,
    SoftDetections,
    SoftTargets,
)
from distill_helpers.strategies.contract import Batch, Task
from distill_helpers.training import Recipe, Teacher, distill
from distill_helpers.training.asked import AskedTeacher, Counter
from distill_helpers.training.fleet import Student
from distill_helpers.training.randomness import build_seeded

pytestmark = pytest.mark.usefixtures("no_cache")
of = Checks()
BRIEF = Recipe(steps=3, batch_size=4, lr=1e-2, check_every=3)


# ---- which place answers for which object --------------------------------------------------------------------------------------


def plain_assignment(points, boxes, labels, radius, reach):
    """For each place (label, box, centerness), one place and one object at a time."""
    strides, found = sorted({p[2] for p in points}), []
    for x, y, stride in points:
        best = None
        for box, label in zip(boxes, labels, strict=True):
            left, top, right, bottom = x - box[0], y - box[1], box[2] - x, box[3] - y
            if label == -1 or min(left, top, right, bottom) <= 0:
                continue
            if abs(x - (box[0] + box[2]) / 2) >= radius * stride or abs(y - (box[1] + box[3]) / 2) >= radius * stride:
                continue
            low = 0 if stride == strides[0] else reach * stride / 2
            high = math.inf if stride == strides[-1] else reach * stride
            if not low < max(left, top, right, bottom) <= high:
                continue
            size = (box[2] - box[0]) * (box[3] - box[1])
            if best is None or size < best[0]:
                centre = math.sqrt(min(left, right) / max(left, right) * min(top, bottom) / max(top, bottom))
                best = (size, label, box, centre)
        found.append((-1, None, 0.0) if best is None else best[1:])
    return found


def cases():
    """Points of both grids on 64 pixels, boxes and labels of 12 images: random ones, one inside another, equal ones, empty images."""
    like = torch.zeros(1, dtype=torch.double)
    points = torch.cat([places(8, 8, 8, like), places(4, 4, 16, like)])
    generator = torch.Generator().manual_seed(1)
    corners = torch.randint(0, 65, (12, 4, 2, 2), generator=generator).double()
    boxes = torch.cat([corners.amin(2), corners.amax(2) + 1], -1)
    labels = torch.randint(-1, 3, (12, 4), generator=generator)
    boxes[0, :3] = torch.tensor([[0.0, 0, 64, 64], [16, 16, 40, 40], [20, 20, 30, 30]])
    boxes[1, :2], labels[:2] = torch.tensor([[8.0, 8, 40, 40], [8, 8, 40, 40]]), torch.tensor([2, 1, 0, 0])
    labels[2] = -1
    return points, boxes, labels


@of("assignment")
def assignment_is_that_of_a_plain_loop(m):
    points, boxes, labels = cases()
    for radius, reach in ((1.5, 4.0), (1.0, 2.0), (100.0, 8.0), (0.6, 1.0)):
        found = m.targets_of(points.expand(12, -1, -1), boxes, labels, radius, reach)
        count = 0
        for image in range(12):
            wanted = plain_assignment(points.tolist(), boxes[image].tolist(), labels[image].tolist(), radius, reach)
            assert found.labels[image].tolist() == [w[0] for w in wanted]
            for place, (label, box, centre) in enumerate(wanted):
                assert bool(found.positive[image, place]) == (label != -1)
                assert abs(found.centerness[image, place].item() - centre) < 1e-9
                if label != -1:
                    assert found.boxes[image, place].tolist() == box
                    count += 1
        assert count > 20


@of("assignment")
def both_grids_answer_and_padding_does_not(m):
    points, boxes, labels = cases()
    found = m.targets_of(points.expand(12, -1, -1), boxes, labels, 1.5, 4.0)
    assert found.positive[:, :64].any() and found.positive[:, 64:].any() and not found.positive[2].any()


@of("assignment")
def images_map_like_a_batch(m):
    points, boxes, labels = cases()
    every = points.expand(12, -1, -1)
    together = m.targets_of(every, boxes, labels, 1.5, 4.0)
    each = vmap(lambda p, b, k: m.targets_of(p, b, k, 1.5, 4.0))(every.unsqueeze(1), boxes.unsqueeze(1), labels.unsqueeze(1))
    for one, other in zip(together, each, strict=True):
        assert torch.equal(one, other.squeeze(1))


# ---- the terms -----------------------------------------------------------------------------------------------------------------


@of("detection_loss")
def focal_loss_is_torchvisions(m):
    logits, wanted = 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(0)).double(), (torch.arange(30) % 3 == 0).double().view(6, 5)
    for gamma, alpha in ((2.0, 0.25), (0.0, 0.5), (1.0, 0.9)):
        torch.testing.assert_close(m.focal(logits, wanted, gamma, alpha), ops.sigmoid_focal_loss(logits, wanted, alpha, gamma))


@of("detection_loss")
def the_loss_is_that_of_a_plain_sum(m):
    batch, model = the_batch(), sure_detector().double()
    out, strategy = outputs_of(model, batch.x), m.DetectionLoss(box_weight=2.0, centerness_weight=3.0)
    terms = strategy.loss(lambda x: out, None, batch)
    classes = boxes = centre = count = weight = 0.0
    for image in range(len(batch.x)):
        points, truth, labels = (t[image].tolist() for t in (out.features["points"], batch.y["boxes"], batch.y["labels"]))
        given = plain_assignment(points, truth, labels, 1.5, 4.0)
        for place, (label, box, middle) in enumerate(given):
            wanted = torch.zeros(3).double()
            if label != -1:
                wanted[label], count, weight = 1, count + 1, weight + middle
                mine, theirs = out.features["boxes"][image, place], torch.tensor(box).double()
                boxes = boxes + middle * ops.generalized_box_iou_loss(mine, theirs)
                logit = out.features["centerness"][image, place]
                centre = centre + nn.functional.binary_cross_entropy_with_logits(logit, torch.tensor(middle).double())
            classes = classes + ops.sigmoid_focal_loss(out.logits[image, place], wanted).sum()
    wanted = {"classes": classes / count, "boxes": 2 * boxes / weight, "centerness": 3 * centre / count}
    assert terms.keys() == wanted.keys()
    for name, value in wanted.items():
        torch.testing.assert_close(terms[name], value, rtol=1e-5, atol=1e-7)


@of("detection_loss")
def an_image_without_objects_teaches_background_and_one_without_labels_nothing(m):
    batch, model = the_batch(), detector(5)
    loss = lambda y, keep=slice(None): m.DetectionLoss().loss(lambda x: outputs_of(model, x[keep]), None, batch._replace(y=y))
    empty = {"boxes": batch.y["boxes"], "labels": torch.full_like(batch.y["labels"], -1)}
    terms = loss(empty)
    assert terms["classes"] > 0 and terms["boxes"] == 0 and terms["centerness"] == 0
    unknown = loss({**batch.y, "labelled": torch.tensor([True, True, False, False])})
    known = loss({name: rows[:2] for name, rows in batch.y.items()}, slice(2))
    for name, value in known.items():
        torch.testing.assert_close(unknown[name], value)
    assert all(v == 0 for v in loss({**batch.y, "labelled": torch.zeros(4, dtype=torch.bool)}).values())


@of("soft_detections")
def the_dense_terms_by_hand(m):
    batch, s, t = the_batch(), *(outputs_of(detector(seed), the_batch().x) for seed in (5, 6))
    terms = m.SoftDetections(2.0, 3.0, 4.0).loss(lambda x: s, lambda b: t, batch)
    p, q, a, b = (v.sigmoid() for v in (t.logits, s.logits, t.features["centerness"], s.features["centerness"]))
    sure = (p * a.unsqueeze(-1)).amax(-1)
    cross = lambda wanted, given: -(wanted * given.log() + (1 - wanted) * (1 - given).log()) * (wanted - given).abs()
    apart = ops.generalized_box_iou_loss(s.features["boxes"], t.features["boxes"])
    wanted = {"soft classes": 2 * cross(p, q).sum(), "soft boxes": 3 * (sure * apart).sum(), "soft centerness": 4 * (sure * cross(a, b)).sum()}
    for name, value in wanted.items():
        torch.testing.assert_close(terms[name], value / sure.sum(), rtol=1e-5, atol=1e-8)
    # least where the student is the teacher
    assert all(v.item() == pytest.approx(0, abs=1e-6) for v in m.SoftDetections().loss(lambda x: t, lambda b: t, batch).values())


@of("pkd")
def half_the_squared_error_is_one_less_pearsons_correlation(m):
    a, b = (torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(n)).double() for n in (0, 1))
    flat = lambda maps: maps.movedim(1, 0).flatten(1)
    wanted = [1 - torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(flat(a), flat(a + b), strict=True)]
    torch.testing.assert_close(m.one_less_correlation(a, a + b), torch.stack(wanted).mean(), rtol=1e-4, atol=1e-5)
    sizes = torch.tensor([0.5, 3.0, 50.0]).double().view(1, 3, 1, 1)
    torch.testing.assert_close(m.one_less_correlation(7 + sizes * a, a), torch.zeros(()).double(), rtol=0, atol=1e-5)
    flatmap = torch.ones(2, 3, 4, 4, dtype=torch.double, requires_grad=True)
    (slope,) = torch.autograd.grad(m.one_less_correlation(flatmap, a[:2, :, :4, :4]), flatmap)
    assert slope.isfinite().all()


@of("pseudo_boxes")
def pseudo_boxes_are_what_the_teacher_detects_and_given_boxes_stay(m):
    from distill_helpers.boxes import scores_of, suppressed

    pool, model = small_pool(), sure_detector()
    strategy = m.PseudoBoxes(threshold=0.6, most=12)
    teacher = strategy.prepare_teacher(Teacher(model).over(pool, strategy.teacher_features))
    index = torch.arange(4)
    seen = []

    class Keep:
        needs_labels, needs_teacher = True, False

        def loss(self, student, teacher, batch):
            seen.append(batch.y)
            return {}

    strategy.__dict__["inner"] = Keep()
    batch = Batch(pool.inputs(torch.zeros_like(index), index), None, index, torch.zeros_like(index), {})
    out = outputs_of(model, batch.x)
    strategy.loss(None, teacher, batch)
    for image in range(4):
        boxes, _, labels = suppressed(scores_of(out.logits, out.features["centerness"])[image], out.features["boxes"][image], 0.6, 0.6, 12)
        real = seen[0]["labels"][image] != NOTHING
        assert len(labels) > 0 and seen[0]["labels"][image][real].tolist() == labels.tolist()
        torch.testing.assert_close(seen[0]["boxes"][image][real], boxes)
    given = {name: rows[:4] for name, rows in pool.labels.items()}
    strategy.loss(None, teacher, batch._replace(y=given))
    kept = [row[row != NOTHING].tolist() for row in seen[1]["labels"]]
    assert kept == [row[row != NOTHING].tolist() for row in given["labels"]]
    strategy.loss(None, teacher, batch._replace(y={**given, "labelled": torch.tensor([True, False, True, False])}))
    mixed = [row[row != NOTHING].tolist() for row in seen[2]["labels"]]
    assert mixed[0] == kept[0] and mixed[1] == [k for k in seen[0]["labels"][1].tolist() if k != NOTHING] and mixed[2] == kept[2]


@of.each
def test_it_is_right(name, check):
    check(of.original(name))


FAULTS = [
    ("assignment", "the largest object wins", "area(boxes).unsqueeze(1), torch.inf).min(-1)", "-area(boxes).unsqueeze(1), torch.inf).min(-1)"),
    ("assignment", "places outside the box", "inside = sides.amin(-1) > 0", "inside = sides.amax(-1) > 0"),
    ("assignment", "no centre sampling", "amax(-1) < radius * stride", "amin(-1) < radius * stride"),
    ("assignment", "levels' ranges overlap", "far > reach * stride / 2", "far > reach * stride / 4"),
    ("assignment", "the coarsest level has a bound", "| (stride == coarsest))", "| (stride > coarsest))"),
    ("assignment", "padding is an object", " & (labels != NOTHING).unsqueeze(1)", ""),
    ("assignment", "centerness without its root", "(ratio[..., 0] * ratio[..., 1]).sqrt()", "(ratio[..., 0] * ratio[..., 1])"),
    ("detection_loss", "alpha on the wrong side", "alpha * wanted + (1 - alpha) * (1 - wanted)", "(1 - alpha) * wanted + alpha * (1 - wanted)"),
    ("detection_loss", "easy places weigh most", "(wanted - p).abs()", "1 - (wanted - p).abs()"),
    ("detection_loss", "IoU for GIoU", "boxes import TINY, giou", "boxes import TINY, iou as giou"),
    ("detection_loss", "boxes are not weighted", "found.centerness * object_here\n", "object_here.to(logits.dtype)\n"),
    ("detection_loss", "background does not count", "(classes * says).sum()", "(classes * object_here).sum()"),
    ("detection_loss", "unknown images teach", 'y["labelled"].unsqueeze(-1) if "labelled" in y else torch', "torch"),
    ("soft_detections", "no weight of what is to be learnt", "return gap *", "return (gap > -1) *"),
    ("soft_detections", "all boxes count alike", "(sure * apart).sum() / total", "apart.mean()"),
    ("soft_detections", "confidence without centerness", 'outputs.features["centerness"]).amax', '50 + 0 * outputs.features["centerness"]).amax'),
    ("pkd", "each image by itself", "maps.mean((0, 2, 3), keepdim=True)", "maps.mean((2, 3), keepdim=True)"),
    ("pkd", "not brought to one size", "return centred *", "return 0.5 * centred * (centred.abs() > -1) * 2 if True else"),
    ("pseudo_boxes", "given boxes are lost", 'torch.where(given, y["labels"], NOTHING)', 'torch.where(given, NOTHING, y["labels"])'),
    ("pseudo_boxes", "no threshold", "suppressed(*one, self.threshold,", "suppressed(*one, 0.0,"),
]  # fmt: skip


@of.planted(FAULTS)
def test_a_planted_fault_is_found(name, old, new):
    assert of.gone_red(name, old, new)


# ---- what every strategy must satisfy ------------------------------------------------------------------------------------------


def detector(seed=0, width=3, depth=0):
    return build_seeded(lambda: Detector(3, width, depth), seed).double()


def sure_detector():
    """An untrained one whose probabilities and boxes differ widely, in single precision."""
    model = detector(7, 4).float()
    for head, spread in ((model.class_head, 1.0), (model.centre_head, 0.5), (model.box_head, 0.3)):
        nn.init.normal_(head.weight, std=spread, generator=torch.Generator().manual_seed(2))
    nn.init.zeros_(model.class_head.bias)
    return model


def small_pool(count=8, **settings):
    return rectangles_pool(count, side=32, most=2, **settings)


def the_batch():
    pool = small_pool()
    index = torch.arange(4)
    y = {"boxes": pool.labels["boxes"][:4].double(), "labels": pool.labels["labels"][:4]}
    return Batch(pool.inputs(torch.zeros_like(index), index).double(), y, index, torch.zeros_like(index), {}, 0.0, Task())


BOTH = Combined((DetectionLoss(), SoftDetections()))
MAPS = Combined((DetectionLoss(), PearsonDistillation()))
PSEUDO = PseudoBoxes(threshold=0.6, most=12)
STRATEGIES = {"labels": DetectionLoss(), "soft": SoftDetections(), "pseudo": PSEUDO, "both": BOTH, "maps": MAPS, "shuffled": ShuffledTeacher(BOTH)}
each = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


def trained(strategy, seeds=(5,), pool=None, guide=None, width=3, recipe=BRIEF):
    guide = guide or sure_detector()
    return distill(lambda: Detector(3, width, 0).double(), guide, pool or small_pool(), strategy, seeds=seeds, recipe=recipe, progress=False)


def weights(run, i=0):
    return {f"{n}.{k}": t for n in run.fleet.skeletons for k, t in run.model(i, n).state_dict().items()}


def gap(a, b):
    return max((a[k] - b[k]).abs().max().item() for k in a)


def asked(strategy, order=None, double=False):
    """The terms on one batch, its images in another order or each twice; the teacher answers as it does in a run."""
    batch, model = the_batch(), detector(5)
    index = torch.arange(4) if order is None else torch.tensor(order)
    index = torch.cat([index, index]) if double else index
    moved = batch._replace(x=batch.x[index], y={k: v[index] for k, v in batch.y.items()}, index=index, view=torch.zeros_like(index))
    guide, extras = None, {}
    if strategy.needs_teacher:
        ready = strategy.prepare_teacher(Teacher(sure_detector()).over(small_pool(), tuple(sorted(strategy.teacher_features))))
        rows = ready.rows(moved.view, moved.index)
        guide = AskedTeacher(ready, rows, moved.index, Counter())
        extras = build_seeded(lambda: strategy.extras(outputs_of(model, batch.x), rows), 1)
    nets = {"student": model, **{n: m.double() for n, m in extras.items()}}
    state = {n: {**dict(m.named_parameters()), **dict(m.named_buffers())} for n, m in nets.items()}
    return strategy.loss(Student(nets, state), guide, moved), list(model.parameters())


@each
def test_alone_equals_together(strategy):
    together, alone = trained(strategy, (2, 5)), trained(strategy, (5,))
    assert gap(weights(together, 1), weights(alone)) < 1e-9
    assert gap(weights(together, 0), weights(together, 1)) > 1e-3 and not together.why_alone
    assert gap(weights(alone), weights(trained(strategy, (5,)))) == 0


@each
def test_order_and_size_of_the_batch_do_not_matter(strategy):
    plain, _ = asked(strategy)
    for other, _ in (asked(strategy, [2, 0, 3, 1]), asked(strategy, double=True)):
        assert other.keys() == plain.keys()
        for name, value in plain.items():
            torch.testing.assert_close(other[name], value, rtol=1e-6, atol=1e-9)


@each
def test_gradients_are_finite_and_nothing_waits_for_the_device(strategy):
    asked(strategy)  # a teacher is prepared before the first step
    found, parameters = asked(strategy)
    grads = torch.autograd.grad(sum(found.values()), parameters, allow_unused=True)
    assert all(g.isfinite().all() for g in grads if g is not None) and max(g.abs().max() for g in grads if g is not None) > 1e-6


def test_no_loss_waits_for_the_device():
    batch, out, answers = the_batch(), outputs_of(detector(5), the_batch().x), outputs_of(detector(6), the_batch().x)
    answers.features["pseudo boxes"], answers.features["pseudo labels"] = batch.y["boxes"], batch.y["labels"].double()
    for strategy in (DetectionLoss(), SoftDetections(), PSEUDO, PearsonDistillation()):
        with Waits() as watch:
            terms = strategy.loss(lambda x: out, lambda b: answers, batch)
            torch.autograd.grad(sum(terms.values()), out.logits, retain_graph=True, allow_unused=True)
        assert not watch.seen


@each
def test_half_precision_stays_finite(strategy):
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = asked(strategy)
    assert all(v.isfinite() for v in found.values())


def test_labels_and_a_teacher_are_asked_for_where_they_are_needed():
    pool = small_pool()
    unlabelled = pool.without_labels()
    for name, strategy in STRATEGIES.items():
        if strategy.needs_labels:
            with pytest.raises(InputError, match="data must carry labels"):
                trained(strategy, pool=unlabelled)
        else:
            assert name in ("soft", "pseudo")
            trained(strategy, pool=unlabelled)
        if strategy.needs_teacher:
            with pytest.raises(InputError, match="teacher must be given"):
                distill(lambda: Detector(3, 3), None, pool, strategy, recipe=BRIEF, progress=False)


@pytest.mark.parametrize("strategy", [DetectionLoss(), SoftDetections(), PSEUDO, PearsonDistillation()], ids=lambda s: type(s).__name__)
def test_bad_numbers_are_named_and_each_number_changes_something(strategy):
    pool = rectangles_pool(8)
    pool = pool if strategy.needs_labels else pool.without_labels()
    usual = weights(trained(strategy, pool=pool))
    for name, value in vars(strategy).items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or name == "labels":
            continue
        for bad in (float("nan"), -1, "1", None, True):
            with pytest.raises(InputError, match=name):
                replace(strategy, **{name: bad})
        other = value - 1 if isinstance(value, int) else 0.3 * value
        assert gap(weights(trained(replace(strategy, **{name: other}), pool=pool)), usual) > 1e-9, name


@pytest.mark.parametrize("strategy", [DetectionLoss(), SoftDetections(), PSEUDO], ids=lambda s: type(s).__name__)
def test_other_labels_and_other_models_are_named(strategy):
    images = torch.rand(6, 3, 32, 32)
    classifier = lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 3))
    with pytest.raises(InputError, match="detector|feature|'boxes'|padded boxes"):
        distill(classifier, sure_detector(), small_pool(), strategy, recipe=BRIEF, progress=False)
    if strategy.needs_labels:
        for labels, given in (({"a": torch.arange(6)}, "a dict of 'a'"), (torch.rand(6), "torch.float32 targets")):
            with pytest.raises(InputError, match=f"needs padded boxes as targets, .* but the data carry {given}"):
                trained(strategy, pool=ArrayPool(images, labels))


def test_inner_must_use_labels_and_no_teacher():
    for inner in (SoftDetections(), SoftTargets(), 3):
        with pytest.raises(InputError, match="inner must be a strategy that uses labels and no teacher"):
            PseudoBoxes(inner)
    assert PseudoBoxes(HardLabels()).inner == HardLabels()


def test_controls_take_the_teachers_knowledge_away():
    pool = small_pool().without_labels()
    soft = SoftDetections()
    usual = weights(trained(soft, pool=pool))
    for control in (ShuffledTeacher(soft), RandomTeacher(soft), ShuffledTeacher(PSEUDO), RandomTeacher(PSEUDO)):
        found = weights(trained(control, pool=pool))
        assert gap(found, usual) > 1e-6 and gap(found, weights(trained(control.inner, pool=pool))) > 1e-6
    # the teacher of another image: each image has the pseudo-boxes of one other
    strategy = ShuffledTeacher(PSEUDO)
    asked_teacher = Teacher(sure_detector()).over(pool, PSEUDO.teacher_features)
    plain, moved = PSEUDO.prepare_teacher(asked_teacher), strategy.prepare_teacher(asked_teacher)
    true, other = plain.column("pseudo boxes")[0], moved.column("pseudo boxes")[0]
    order = [next(i for i in range(8) if torch.equal(true[i], row)) for row in other]
    assert sorted(order) == list(range(8)) and all(i != place for place, i in enumerate(order))


def test_labels_of_some_images_only():
    """A pool in which some images are labelled: labels alone learn from those, pseudo-boxes from all."""
    pool = small_pool()
    known = torch.arange(8) < 4
    images = pool.pixels[0]
    mixed = boxes_pool(images, pool.labels["boxes"], pool.labels["labels"], 3, labelled=known)
    hidden = boxes_pool(images, *(torch.where(known.view(-1, *[1] * (t.dim() - 1)), t, v) for t, v in
                                  ((pool.labels["boxes"], 0.0), (pool.labels["labels"], -1))), 3, labelled=known)  # fmt: skip
    for strategy in (DetectionLoss(), PSEUDO):
        assert gap(weights(trained(strategy, pool=mixed)), weights(trained(strategy, pool=hidden))) == 0
    assert gap(weights(trained(DetectionLoss(), pool=mixed)), weights(trained(PSEUDO, pool=mixed))) > 1e-6
