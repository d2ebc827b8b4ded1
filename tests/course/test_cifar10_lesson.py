"""The lesson on CIFAR-10: side experiments, views, the published run, and the same nets on CIFAR's own files."""

from dataclasses import replace

import pytest
import torch
from public_files import write_cifar

from distill_helpers.checks import InputError
from distill_helpers.comparison import Arm, compare
from distill_helpers.course.applications.task import ALL, REPLICATES, replicate_in
from distill_helpers.course.applications.trials import in_one_regime
from distill_helpers.course.applications.ways import SOFT, WAYS
from distill_helpers.course.lessons.cifar10 import figures, full, published, records_sides, sides
from distill_helpers.course.lessons.cifar10.measured import AT_05, TUNED
from distill_helpers.course.lessons.cifar10.measured import sides as recorded
from distill_helpers.course.lessons.cifar10.task import CIFAR10
from distill_helpers.course.lessons.cifar10.tuned import RATES
from distill_helpers.data import ImageSet
from distill_helpers.models.resnet import SmallResNet
from distill_helpers.show import layout_faults, style
from distill_helpers.strategies import SoftTargets


@pytest.fixture(scope="module")
def found():
    return recorded()


def test_a_larger_loss_is_a_larger_rate_with_sgd():
    """Weights after three steps of SGD on ten times the loss, and on the loss at ten times the rate and a tenth of the decay."""
    start = torch.randn(5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ends = []
    for scale, factor in ((10.0, 1.0), (1.0, 10.0)):
        w = start.clone().requires_grad_()
        step = torch.optim.SGD([w], lr=0.01 * factor, momentum=0.9, weight_decay=5e-4 / factor)
        for _ in range(3):
            step.zero_grad()
            (scale * (w**4).sum() / 20).backward()
            step.step()
        ends.append(w.detach())
    torch.testing.assert_close(*ends)
    side = sides.SIDES[figures.SOFT_9]
    assert side.scale == 10 and RATES[figures.SOFT_9] == sides.PUBLISHED and side.strategy == sides.SIDES[figures.SOFT_2].strategy


def test_rates_are_those_of_the_search_and_none_stands_at_an_edge(found):
    assert set(RATES) == set(sides.SIDES)
    for arm, side in sides.SIDES.items():
        mine = found.rows[(found.rows.arm == arm) & (found.rows.part == "search")].to_dict("records")
        if len(side.rates) == 1:
            assert not mine and RATES[arm] == side.rates[0]
            continue
        assert records_sides.best(mine) == RATES[arm] and records_sides.beyond(mine) == [], arm
        assert {row["rate"] for row in mine} >= set(side.rates)
        assert not {row["seed"] for row in mine} & set(range(REPLICATES))


def test_pairs_that_are_held_against_each_other_are_tuned_over_the_same_rates():
    for pair in (*figures.PAIRS.values(), ("BatchNorm, soft targets", "BatchNorm, alone"), ("GroupNorm, soft targets", "GroupNorm, alone"),
                 (figures.STANDARD, figures.SOFT_2), (figures.STANDARD, figures.SOFT_4)):  # fmt: skip
        one, other = (sides.SIDES[arm] for arm in pair)
        assert (one.rates, one.recipe) == (other.rates, other.recipe), pair
        probe = [torch.nn.utils.parameters_to_vector(s.student().parameters()).numel() for s in (one, other)]
        assert probe[0] == probe[1]


def test_the_record_is_whole_and_everybody_learnt(found):
    for arm in sides.SIDES:
        values = found.column(arm)
        assert len(values) == REPLICATES and (values.min() > 0.2 or found.column(arm, "diverged").any()), arm  # chance is 0.1
    for arm in sides.AT_PUBLISHED:
        assert len(found.column(arm, part=AT_05)) == REPLICATES
    d = found.grows("BatchNorm, soft targets", "BatchNorm, alone", "GroupNorm, soft targets", "GroupNorm, alone")
    gains = [found.gain(f"{norm}, soft targets", f"{norm}, alone").mean for norm in ("BatchNorm", "GroupNorm")]
    assert d.mean == pytest.approx(gains[0] - gains[1])
    assert found.gain(figures.STANDARD_9, figures.SOFT_4, TUNED, AT_05).n == REPLICATES
    with pytest.raises(InputError, match="arm must be one of"):
        found.column("nobody")


def test_pictures_can_be_read(found):
    style()
    made = [figures.norms.picture(found), figures.standardised.picture(found), figures.recipes.picture(found)]
    made += [figures.at_a_recipe.picture(found, k) for k in range(3)]
    for picture in made:
        assert layout_faults(picture.fig) == [], picture.caption


def test_batchnorm_as_published_is_trained_one_by_one():
    """Its running statistics move while it learns, and it is refused in a stack."""
    images = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    data = ImageSet(images, torch.arange(64) % 10, 10, "noise")
    short = replace(CIFAR10.recipe, steps=3, batch_size=16, check_every=3)
    arm = {"soft": Arm(SoftTargets(4.0, 0.9))}
    how = dict(replicates=1, recipe=short, progress=False)
    trained = compare(sides.narrow("batch"), SmallResNet(8, 10), data, arm, test=data, stack=False, **how).model("soft")
    fresh = sides.narrow("batch")()
    moved = [not torch.equal(a, b) for (n, a), (_, b) in zip(trained.named_buffers(), fresh.named_buffers(), strict=True) if "running" in n]
    assert moved and all(moved) and not [n for n, _ in sides.narrow("group")().named_buffers()]


def test_the_published_recipe_is_the_published_one():
    how = published.recipe(50_000)
    assert (how.steps, how.batch_size, how.lr, how.weight_decay, how.momentum) == (240 * 781, 64, 0.05, 5e-4, 0.9)
    assert [how.lr * how.lr_factor(e * 781) for e in (0, 149, 150, 180, 210, 239)] == pytest.approx([0.05, 0.05, 5e-3, 5e-4, 5e-5, 5e-5])
    assert list(published.PUBLISHED.values()) == [72.34, 69.06, 70.66]
    assert [sum(p.numel() for p in SmallResNet(depth, 100).parameters()) for depth in (56, 20)] == [861_620, 278_324]
    rows = published.table({"ResNet-20 alone": 69.0})
    assert [row["ours, %"] == 69.0 for row in rows] == [False, True, False]


def test_the_published_run_from_files(tmp_path, no_cache):
    write_cifar(tmp_path, fine=True)
    found = published.run(tmp_path, epochs=2, views=3, verify=False, progress=False)
    assert set(found) == set(published.PUBLISHED) and all(0 <= value <= 100 for value in found.values())
    with pytest.raises(InputError, match="train"):
        published.run(tmp_path / "elsewhere")


def test_the_same_cells_run_on_the_public_files(tmp_path, no_cache):
    write_cifar(tmp_path)
    app = full.application(tmp_path, validation=20, verify=False)
    short = dict(steps=150, batch_size=16, check_every=50)
    app = replace(app, few=10, longer=160, recipe=replace(app.recipe, **short), teaching=replace(app.teaching, **short))
    plain = {way: WAYS[way].cells[1] if WAYS[way].cells else {"lr": 0.016, "weight_decay": 0.1} for way in app.ways}
    rows, outcomes = in_one_regime(app, ALL, dict.fromkeys((ALL, "few labels", "unlabelled data"), plain), 0)
    soft = next(row for row in rows if row["arm"] == SOFT)
    assert soft["accuracy"] >= 0.3 and outcomes["right"].shape == (1, len(rows), 20)  # chance is 0.1
    drawn = app.draw(0)
    assert not set(drawn.teaches.tolist()) & set(replicate_in(app, ALL, drawn, 0).rows.tolist())
    with pytest.raises(InputError, match="data_batch_1"):
        full.application(tmp_path / "elsewhere")
