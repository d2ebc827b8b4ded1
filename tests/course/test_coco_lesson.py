"""The lesson on finding objects: draws without laundering, arms and their control, scores, figures, files, and torchvision's FCOS as teacher."""

from dataclasses import replace

import pytest
import torch
from torchvision.models import detection

from distill_helpers import measure
from distill_helpers.boxes import unpadded
from distill_helpers.checks import InputError
from distill_helpers.course.applications.public import in_profile
from distill_helpers.course.applications.task import ALL, FEW, FIRST_SEARCHED, REGIMES, REPLICATES, SEARCHED, UNLABELLED
from distill_helpers.course.applications.ways import ALONE, LONGER
from distill_helpers.course.lessons.coco_detection import choosing, full, scoring, task, trials
from distill_helpers.course.lessons.coco_detection.task import COCO, Scenes, halved, pool_in, pool_of, scenes, some
from distill_helpers.course.lessons.coco_detection.ways import OTHER, PKD, PSEUDO, SOFT, WAYS, arms_in, to_search, where
from distill_helpers.data.coco import load_coco
from distill_helpers.data.generated.emoji_coco import emoji_coco, write_emoji_coco
from distill_helpers.measure.detection import Found, detect
from distill_helpers.models.detector import Detector
from distill_helpers.training import Teacher
from distill_helpers.training.randomness import build_seeded

pytestmark = pytest.mark.usefixtures("no_cache")
BUDGET = 9


def small_draw(seed: int) -> Scenes:
    return Scenes(scenes(8, 4 * seed), scenes(8, 4 * seed + 1), scenes(4, 4 * seed + 2), lambda: scenes(4, 4 * seed + 3))


@pytest.fixture(scope="module")
def drawn():
    return small_draw(0)


@pytest.fixture
def brief(drawn):
    """The lesson with 8 pictures and 4 steps."""
    short = dict(steps=4, batch_size=4, check_every=2)
    return replace(COCO, draw=lambda seed: drawn, few=3, longer=6, recipe=replace(COCO.recipe, **short), teaching=replace(COCO.teaching, **short))


@pytest.fixture(scope="module")
def guide():
    return build_seeded(COCO.teacher, 3).eval()


def numbers(lr=0.01):
    """{regime: {arm: settings}}, the same rate for all."""
    own = lambda arm: {WAYS[arm].number: 0.3 if arm == PSEUDO else 3.0} if WAYS[arm].number else {"weight_decay": 0.1}
    return {regime: {arm: {"lr": lr} | own(arm) for arm in to_search(regime)} for regime in REGIMES}


# ---- pictures


def test_no_two_parts_or_replicates_share_a_picture(monkeypatch):
    asked = []
    monkeypatch.setattr(task, "scenes", lambda count, seed: asked.append((count, seed)))
    for seed in (*range(REPLICATES), *range(FIRST_SEARCHED, FIRST_SEARCHED + SEARCHED)):
        task.draw.__wrapped__(seed).read()
    assert len({seed for _, seed in asked}) == len(asked) == 4 * (REPLICATES + SEARCHED)
    assert [count for count, _ in asked[:4]] == [task.TEACHES, task.MINE, task.VALIDATION, task.TEST]


def test_halved_pictures_keep_their_boxes_and_their_truth():
    whole = emoji_coco(3, 5)
    half = halved(whole)
    block = whole.images[1, 2, 10:12, 20:22].float().mean().round()
    assert half.images.shape == (3, 3, 64, 64) and half.images[1, 2, 5, 10] == block
    assert torch.equal(half.boxes * 2, whole.boxes) and half.truth is whole.truth
    perfect = [Found(boxes, torch.ones(len(boxes)), labels) for boxes, labels in unpadded(half.boxes, half.labels)]
    assert scoring.precision_of(perfect, half)["ap"] == pytest.approx(1)
    wrong = [one._replace(boxes=2 * one.boxes) for one in perfect]  # in the pixels of before
    assert scoring.precision_of(wrong, half)["ap"] < 0.2


def test_the_mirror_image_has_its_boxes_mirrored(drawn):
    pool, data = pool_of(drawn.mine), drawn.mine
    count = len(data)
    assert len(pool) == 2 * count and torch.equal(pool.pixels[0][count:], data.images.flip(-1))
    left, right = pool.labels["boxes"][:count, :, 0], pool.labels["boxes"][:count, :, 2]
    real = data.labels >= 0
    turned = pool.labels["boxes"][count:]
    assert torch.equal(turned[..., 0][real], (64 - right)[real]) and torch.equal(turned[..., 2][real], (64 - left)[real])
    assert torch.equal(turned[..., 1::2], data.boxes[..., 1::2]) and torch.equal(pool.labels["labels"][count:], data.labels)


def test_no_box_of_an_unlabelled_picture_reaches_the_student(brief, drawn):
    every, few, mixed = (pool_in(brief, regime, drawn) for regime in REGIMES)
    assert len(every) == len(mixed) == 16 and len(few) == 6 and "labelled" not in every.labels
    known = torch.tensor([True] * 3 + [False] * 5).repeat(2)
    assert torch.equal(mixed.labels["labelled"], known)
    assert (mixed.labels["labels"][~known] == -1).all() and (mixed.labels["boxes"][~known] == 0).all()
    assert (every.labels["labels"][~known] >= 0).any()
    for name in ("boxes", "labels"):
        assert torch.equal(mixed.labels[name][known], few.labels[name]) and torch.equal(every.labels[name][known], few.labels[name])
    assert torch.equal(mixed.pixels, every.pixels)


def test_some_pictures_have_the_truth_of_these_alone(drawn):
    two = some(drawn.mine, 2, 3)
    assert two.image_ids == (4, 5) and {i["id"] for i in two.truth["images"]} == {4, 5} == {a["image_id"] for a in two.truth["annotations"]}
    assert len(two.truth["annotations"]) == int((two.labels >= 0).sum())


# ---- arms


def test_every_arm_is_searched_over_as_many_settings():
    for name, way in WAYS.items():
        first, *more = way.stages()
        cells = first({})
        assert len(cells) + sum(len(stage(cells[0])) for stage in more) == BUDGET, name
        strategy = way.build(**cells[0])
        assert strategy.needs_teacher == way.teacher and "labels" in strategy.signals
        assert way.number != "weight" or 0.0 in way.values


def test_regimes_train_what_has_a_meaning_there():
    assert PSEUDO not in arms_in(ALL) and PSEUDO in arms_in(UNLABELLED) and not {ALONE, LONGER} & set(arms_in(UNLABELLED))
    assert where(ALL, PSEUDO) == (ALL, ALONE) and where(UNLABELLED, ALONE) == (FEW, ALONE) and where(UNLABELLED, PSEUDO) == (UNLABELLED, PSEUDO)
    assert LONGER not in to_search(ALL) and OTHER in to_search(FEW)


def weights(found, arm):
    return torch.cat([p.flatten() for p in found.model(arm).parameters()])


def test_the_control_is_not_pkd_and_a_weight_of_nothing_is_alone(brief, guide):
    arms = {"alone": (ALONE, {}), "pkd": (PKD, {"weight": 3.0}), "other": (OTHER, {"weight": 3.0}), "none": (PKD, {"weight": 0.0}),
            "soft": (SOFT, {"weight": 3.0}), "no soft": (SOFT, {"weight": 0.0})}  # fmt: skip
    found = trials.train(brief, ALL, arms, 0, guide)
    gap = lambda a, b: (weights(found, a) - weights(found, b)).abs().max().item()
    assert gap("pkd", "other") > 1e-3 and gap("pkd", "alone") > 1e-3 and gap("other", "alone") > 1e-3 and gap("soft", "alone") > 1e-3
    assert gap("none", "alone") < 1e-6 and gap("no soft", "alone") < 1e-6


def test_the_control_hands_out_another_picture_s_maps(brief, drawn, guide):
    pool = pool_in(brief, ALL, drawn)
    own = Teacher(guide).over(pool, features=("neck8", "neck16"), cache=None)
    moved = WAYS[OTHER].build(weight=1.0).prepare_teacher(own)
    true, given = own.column("neck8")[0], moved.column("neck8")[0]
    apart = (true.unsqueeze(1) - given.unsqueeze(0)).flatten(2).abs().amax(-1)
    partner = apart.argmin(1)
    assert (apart.amin(1) == 0).all() and (partner != torch.arange(len(pool))).all() and len(partner.unique()) == len(pool)


def test_pseudo_boxes_are_the_teacher_s_where_no_box_is_known(brief, drawn, guide):
    """With a threshold that nothing passes, unlabelled pictures teach background; with a low one, the teacher's boxes."""
    arms = {str(t): (PSEUDO, {"threshold": t}) for t in (0.99, 0.01)}
    found = trials.train(brief, UNLABELLED, arms, 0, guide)
    assert (weights(found, "0.99") - weights(found, "0.01")).abs().max() > 1e-3


# ---- settings


def made_rows(best, other=0.3):
    return [{"lr": r, "weight": w, "replicate": s, "ap": other + 0.2 * ((r, w) == best)} for r in (0.002, 0.006, 0.018) for w in (0.0, 1.0, 3.0)
            for s in (100, 101)]  # fmt: skip


def test_edges_are_found_and_followed():
    assert choosing.best(made_rows((0.006, 1.0))) == {"lr": 0.006, "weight": 1.0} and choosing.at_edges(SOFT, made_rows((0.006, 1.0))) == {}
    assert choosing.at_edges(SOFT, made_rows((0.006, 0.0))) == {}  # nothing lies below no weight
    rows = made_rows((0.018, 3.0))
    assert choosing.at_edges(SOFT, rows) == {"lr": 0.018, "weight": 3.0}
    assert choosing.beyond_edges(SOFT, rows) == [{"lr": 0.054, "weight": 3.0}, {"lr": 0.018, "weight": 9.0}]
    assert choosing.beyond_edges(SOFT, made_rows((0.002, 1.0)))[0]["lr"] == pytest.approx(0.002 / 3, rel=1e-5)
    sure = [{"lr": 0.006, "threshold": t, "replicate": 100, "ap": t} for t in (0.1, 0.5, 0.7)]
    assert choosing.beyond_edges(PSEUDO, sure)[-1] == {"lr": 0.006, "threshold": 0.85}


def test_a_search_scores_each_setting_on_validation(brief, guide, monkeypatch):
    brief = replace(brief, ready=lambda: guide)
    monkeypatch.setattr(trials, "FURTHER", 1)
    monkeypatch.setattr(trials, "precision", lambda model, data: {"ap": 0.5})  # all alike: the first setting is the best, and an edge
    rows = trials.searched(brief, FEW, ALONE)
    assert len(rows) == 2 * (BUDGET + 1) and {row["replicate"] for row in rows} == {100, 101}
    assert rows[-1]["lr"] == pytest.approx(0.004 / 3, rel=1e-5) and rows[-1]["weight_decay"] == 0.0


# ---- scores


def test_an_untrained_student_is_far_below_every_threshold():
    data = scenes(12, 900)
    for seed in range(3):
        student = build_seeded(COCO.student, seed).eval()
        found = scoring.precision(student, data)
        assert found["ap50"] < 0.05 and found["ap"] < 0.02
        assert scoring.at_best_threshold(student, data, data)["f1"] < 0.05


def test_errors_and_f1_by_hand():
    data = scenes(6, 7)
    truth = unpadded(data.boxes, data.labels)
    sure = [Found(boxes, torch.full((len(boxes),), 0.9), labels) for boxes, labels in truth]
    objects = sum(len(boxes) for boxes, _ in truth)
    assert scoring.f1_of(sure, data, 0.5) == 1 and scoring.f1_of(sure, data, 0.95) == 0
    half = [*sure[:3], *(one.above(1.0) for one in sure[3:])]
    seen = sum(len(boxes) for boxes, _ in truth[:3])
    assert scoring.f1_of(half, data, 0.5) == pytest.approx(2 * seen / (seen + objects))
    assert scoring.errors_of(half, data, 0.5)["missed"] == objects - seen
    # wrong answers with low scores: the threshold of the best F1 is the lowest above them
    noisy = [Found(torch.cat([one.boxes, one.boxes]), torch.cat([one.scores, torch.full((len(one.boxes),), 0.32)]), torch.cat([one.labels] * 2))
             for one in sure]  # fmt: skip
    assert scoring.best_threshold(noisy, data) == 0.35 and scoring.best_threshold(sure, data) == scoring.THRESHOLDS[0]


def test_what_is_deployed_gives_all_answers_and_can_be_written(drawn, tmp_path):
    x, student = drawn.mine.images[:3].float() / 255, Detector(10, 4).eval()
    path = measure.export_model(scoring.Deployed(student), tmp_path / "student.pt2", x)
    out, given = student(x, features=True), torch.export.load(path).module()(x)  # three pictures, where two were traced
    torch.testing.assert_close(given[..., :10], out.logits)
    torch.testing.assert_close(given[..., 10], out.features["centerness"])
    torch.testing.assert_close(given[..., 11:], out.features["boxes"])


def test_a_student_that_diverged_finds_nothing(drawn):
    lost = scoring.zero(drawn.validation)
    assert lost["ap"] == lost["ap50"] == lost["large"] == lost["f1"] == 0 and lost["missed"] == 100


def test_rows_of_a_regime(brief, guide):
    brief = replace(brief, ready=lambda: guide)
    rows = trials.in_one_regime(brief, ALL, numbers(), 0)
    assert [row["arm"] for row in rows] == ["teacher", *arms_in(ALL)]
    longer = next(row for row in rows if row["arm"] == LONGER)
    assert longer["at"].split()[-1] == "6" and rows[1]["at"] == "2 4" and len(rows[1]["looks"].split()) == 2
    assert all(row["right"] + row["missed"] == pytest.approx(100) for row in rows)
    assert trials.in_one_regime(brief, UNLABELLED, numbers(), 0)[0]["arm"] == PSEUDO


# ---- from files, and with torchvision's FCOS


def test_training_from_files_in_coco_s_format(tmp_path):
    images, annotations = write_emoji_coco(tmp_path / "set", 24, 3)
    data = load_coco(images, annotations, 64)
    short = replace(COCO.recipe, steps=400, lr=0.01, batch_size=8, check_every=200)
    read = replace(COCO, draw=lambda seed: Scenes(data, data, data, lambda: data), recipe=short)
    found = trials.train(read, ALL, {ALONE: (ALONE, {})}, 0)
    before, after = (scoring.precision(m, data)["ap50"] for m in (build_seeded(COCO.student, 0).eval(), found.model(ALONE)))
    assert before < 0.1 and after > 0.3, (before, after)  # these very pictures were learnt from: whether it learns, not how well it finds others


@pytest.fixture(scope="module")
def fcos():
    torch.manual_seed(0)
    sizes = dict(score_thresh=0.05, nms_thresh=0.6, min_size=128, max_size=128)
    model = detection.fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=13, **sizes)
    with torch.no_grad():  # an untrained head says nothing with any confidence
        model.head.classification_head.cls_logits.weight.mul_(30)
        model.head.classification_head.cls_logits.bias.fill_(-1.0)
    return model.eval()


def test_fcos_as_a_teacher_answers_as_torchvision_has_it(fcos):
    """All five levels together, after suppression: the detections of torchvision's own forward."""
    picture = halved(emoji_coco(1, 4)).images.float().div(255)
    picture = torch.nn.functional.interpolate(picture, size=128)
    wrapped = full.FcosTeacher(fcos, range(13), zoom=1, levels=(0, 1, 2, 3, 4)).eval()
    (ours,) = detect(wrapped, picture, threshold=fcos.score_thresh, overlap=fcos.nms_thresh, most=fcos.detections_per_img)
    with torch.no_grad():
        (theirs,) = fcos([picture[0]])
    assert len(ours.scores) > 5
    torch.testing.assert_close(ours.scores[:5], theirs["scores"][:5], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(ours.boxes[:5], theirs["boxes"][:5], atol=1e-2, rtol=1e-3)
    assert torch.equal(ours.labels[:5], theirs["labels"][:5])


def test_fcos_answers_at_the_places_of_its_student(fcos):
    wrapped = full.FcosTeacher(fcos, (3, 1, 7)).eval()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        taught, learns = wrapped(x, features=True), Detector(3, 4)(x, features=True)
    assert taught.logits.shape == learns.logits.shape and taught.features["boxes"].shape == learns.features["boxes"].shape
    assert torch.equal(taught.features["points"][..., 2], learns.features["points"][..., 2])
    assert (taught.features["points"] - learns.features["points"]).abs().max() <= 8  # corners of cells in place of middles
    assert taught.features["neck8"].shape[2:] == learns.features["neck8"].shape[2:]
    with pytest.raises(InputError, match="multiples of 16"):
        wrapped(torch.rand(1, 3, 60, 64))


def as_public(root, count):
    """Generated pictures where COCO's own files would lie."""
    images, annotations = write_emoji_coco(root / "made", count, 3)
    (root / full.ANNOTATIONS).parent.mkdir(parents=True)
    images.rename(root / full.IMAGES)
    annotations.rename(root / full.ANNOTATIONS)


def test_the_same_arms_run_on_files_with_fcos_for_a_teacher(fcos, tmp_path):
    as_public(tmp_path, 14)
    made = lambda weights, ids: full.FcosTeacher(fcos, ids)
    app = full.application(tmp_path, size=64, validation=3, test=3, make=made)
    app = replace(app, few=3, recipe=replace(COCO.recipe, steps=4, batch_size=4, check_every=2))
    one, other = app.draw(0), app.draw(1)
    assert (len(one.mine), len(one.validation), len(one.test)) == (8, 3, 3) and one.test is other.test
    assert set(one.mine.image_ids) != set(other.mine.image_ids)
    assert not set(one.mine.image_ids) & (set(one.validation.image_ids) | set(one.test.image_ids))
    assert {a["image_id"] for a in one.mine.truth["annotations"]} <= set(one.mine.image_ids)
    found = trials.train(app, UNLABELLED, {arm: (arm, numbers()[UNLABELLED][arm]) for arm in arms_in(UNLABELLED)}, 0)
    assert not found.diverged.any() and scoring.precision(found.model(SOFT), one.test)["ap"] >= 0


def test_missing_weights_are_named(tmp_path):
    with pytest.raises(InputError, match="fcos.pth"):
        full.published(tmp_path / "fcos.pth", (1,))
    with pytest.raises(InputError, match="instances_val2017.json"):
        full.application(tmp_path)
    as_public(tmp_path, 4)
    with pytest.raises(InputError, match="without validation and test"):
        full.application(tmp_path, size=64, validation=2, test=2)
    with pytest.raises(InputError, match="fcos_resnet50"):
        full.application(tmp_path, size=64, validation=1, test=1).ready()


def test_the_profile_chooses(tmp_path, monkeypatch):
    as_public(tmp_path, 4)
    public = lambda: full.application(tmp_path, size=64, validation=1, test=1)
    monkeypatch.delenv("DISTILL_PROFILE", raising=False)
    assert in_profile(COCO, public) is COCO
    monkeypatch.setenv("DISTILL_PROFILE", "full")
    assert in_profile(COCO, public).name == "coco, all of val2017"


