"""The lesson on MNIST: the compression curve, and the same nets on MNIST's own files."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from public_files import write_mnist

from distill_helpers.checks import InputError
from distill_helpers.course.applications.public import in_profile
from distill_helpers.course.applications.task import ALL, FEW, REPLICATES, UNLABELLED, lent_teacher
from distill_helpers.course.applications.trials import in_one_regime
from distill_helpers.course.applications.ways import ALONE, RATES, SOFT, WAYS
from distill_helpers.course.lessons.mnist import curve as curves
from distill_helpers.course.lessons.mnist import figures, full
from distill_helpers.course.lessons.mnist.sizes import CONV, WIDTHS, parameters
from distill_helpers.course.lessons.mnist.task import MNIST
from distill_helpers.show import layout_faults, style


@pytest.fixture(scope="module")
def found():
    return curves.curve()


# ---- what a teacher is worth


def test_sizes_lie_between_five_hundred_and_a_hundred_thousand():
    counts = [parameters(kind, w) for kind, widths in WIDTHS.items() for w in widths]
    assert min(counts) == 510 and max(counts) == 101_770 and len(counts) == 9


def test_the_size_that_reaches_an_accuracy_lies_on_the_line_over_the_logarithm():
    sizes, scores = [100, 400, 1600], [0.5, 0.7, 0.9]
    assert curves.size_that_reaches(0.7, sizes, scores) == pytest.approx(400)
    assert curves.size_that_reaches(0.6, sizes, scores) == pytest.approx(200)
    assert curves.size_that_reaches(0.85, sizes, scores) == pytest.approx(400 * 4**0.75)
    assert curves.size_that_reaches(0.4, sizes, scores) is None and curves.size_that_reaches(0.95, sizes, scores) is None
    assert curves.size_that_reaches(0.65, [1, 10, 100, 1000], [0.5, 0.7, 0.6, 0.8]) == pytest.approx(10**0.75)  # the first crossing


def test_worth_is_computed_within_replicates(found, monkeypatch):
    alone = np.array([[0.5, 0.6, 0.7, 0.8, 0.9]] * REPLICATES)
    soft = alone + 0.1 * np.linspace(0.5, 1, REPLICATES)[:, None]
    monkeypatch.setattr(found, "means", lambda kind, regime, arm: soft if arm == SOFT else alone)
    sizes = [parameters(CONV, w) for w in WIDTHS[CONV]]
    d = found.worth(CONV, 4, ALL)
    wanted = np.linspace(0.5, 1, REPLICATES) * math.log2(sizes[2] / sizes[1])
    np.testing.assert_allclose(d.values, wanted, atol=1e-9)
    assert found.worth(CONV, 32, ALL) is None  # beyond what was tried


def test_the_record_of_sizes_is_whole_and_everybody_learnt(found):
    for kind, widths in WIDTHS.items():
        for width in widths:
            for regime in (ALL, UNLABELLED):
                mine = found.rows[(found.rows.student == kind) & (found.rows.width == width) & (found.rows.regime == regime)]
                read = mine[mine.part == "read"]
                assert sorted(read[read.arm == SOFT].replicate) == sorted(read[read.arm == ALONE].replicate) == list(range(REPLICATES))
                # chance is 0.1; a training that stayed there counts, and the page says how many did
                learnt = (read.accuracy > 0.3).groupby(read.arm).sum()
                assert read.groupby("arm").accuracy.mean().min() > 0.3 and learnt.min() >= 6, (kind, width, regime)
                right = found.right[kind, width, regime].mean(2)
                for place, arm in enumerate((ALONE, SOFT)):
                    np.testing.assert_allclose(right[:, place], read[read.arm == arm].sort_values("replicate").accuracy, atol=1e-5)
                    tried = mine[(mine.part == "search") & (mine.arm == arm)]
                    means = tried.groupby("lr").accuracy.mean()
                    assert set(means.index) == set(RATES) and read[read.arm == arm].lr.unique().tolist() == [means.idxmax()]


def test_pictures_can_be_read(found):
    style()
    whole = [figures.compression.picture(found, regime, 0.97) for regime in (ALL, UNLABELLED)]
    for picture in (*whole, *(figures.at_a_size.picture(found, place) for place in (0, 4))):
        assert layout_faults(picture.fig) == []
    rows = figures.worth_rows(found)
    assert len(rows) == 2 * len(WIDTHS[CONV]) and all(r["times"] is None or r["low"] <= r["times"] <= r["high"] for r in rows)


# ---- all of MNIST


@pytest.fixture
def public(tmp_path):
    """MNIST's four files, small, and the lesson's application on them, brief."""
    for split, count in (("train", 240), ("test", 60)):
        write_mnist(tmp_path, True, split, np.arange(count) % 10)
    app = full.application(tmp_path, validation=40, verify=False)
    short = dict(steps=60, batch_size=16, check_every=20)
    return replace(app, few=20, longer=90, recipe=replace(app.recipe, **short), teaching=replace(app.teaching, **short))


def test_the_same_cells_run_on_the_public_files(public, no_cache):
    drawn = public.draw(0)
    assert (len(drawn.pool), len(drawn.teaches), len(drawn.mine), len(drawn.validation), len(drawn.test)) == (200, 100, 100, 40, 60)
    plain = {way: WAYS[way].cells[1] if WAYS[way].cells else {"lr": 0.016, "weight_decay": 0.1} for way in public.ways}
    numbers = dict.fromkeys((ALL, FEW, UNLABELLED), plain)
    for regime in (ALL, UNLABELLED):
        rows, outcomes = in_one_regime(public, regime, numbers, 0)
        assert {row["arm"] for row in rows} == set(public.arms(regime)) | ({"teacher"} if regime == ALL else set())
        assert outcomes["right"].shape == (1, len(rows), 60)
        soft = next(row for row in rows if row["arm"] == SOFT)
        assert soft["accuracy"] > 0.3 and len(soft["looks"].split()) == 3  # chance is 0.1
    assert lent_teacher(public, 0) is lent_teacher(public, 0)


def test_the_profile_chooses(public, monkeypatch):
    monkeypatch.delenv("DISTILL_PROFILE", raising=False)
    assert in_profile(MNIST, lambda: public) is MNIST
    monkeypatch.setenv("DISTILL_PROFILE", "full")
    assert in_profile(MNIST, lambda: public) is public


def test_missing_files_are_named(tmp_path):
    with pytest.raises(InputError, match="train-images-idx3-ubyte"):
        full.application(tmp_path)


def test_validation_leaves_something_to_learn_from(tmp_path):
    for split in ("train", "test"):
        write_mnist(tmp_path, False, split)
    with pytest.raises(InputError, match="without validation"):
        full.application(tmp_path, validation=60, verify=False)


def test_lazy_views_are_those_of_the_bundled_set(public):
    pool = public.draw(0).pool
    assert pool.views == MNIST.draw(0).pool.views and pool.inputs(torch.tensor([0]), torch.tensor([3])).shape == (1, 1, 28, 28)
