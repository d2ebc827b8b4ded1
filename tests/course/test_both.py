"""The control that has the teacher's labels as well: what it learns from, its search, and what is read beside it."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from distill_helpers.course.applications import both, tuning
from distill_helpers.course.applications.both import BOTH, LABELS, READ, SEARCH
from distill_helpers.course.applications.results import Results
from distill_helpers.course.applications.task import ALL, FEW, FIRST, FIRST_SEARCHED, REGIMES, REPLICATES, SEARCHED, UNLABELLED
from distill_helpers.course.applications.ways import ALONE, SOFT
from distill_helpers.course.lessons.coco_detection import both as coco
from distill_helpers.course.lessons.coco_detection import choosing
from distill_helpers.course.lessons.coco_detection.results import Detections
from distill_helpers.course.lessons.coco_detection.task import COCO
from distill_helpers.course.lessons.mnist.task import MNIST
from distill_helpers.course.lessons.svhn.task import SVHN
from distill_helpers.course.records import read_record

APPS = {"mnist": MNIST, "svhn": SVHN}
BUDGET = 15


def name_of(app: str, record: str) -> str:
    return importlib.import_module(f"distill_helpers.course.lessons.{app}.{record}").__name__


def test_it_learns_from_the_teachers_examples_and_its_own_labelled_ones():
    drawn = MNIST.draw(3)
    for regime, own in ((ALL, len(drawn.mine)), (FEW, MNIST.few)):
        made = both.replicate_with_both(MNIST, regime, drawn, 3)
        rows = made.rows.tolist()
        assert rows[: len(drawn.teaches)] == drawn.teaches.tolist() and len(rows) == len(set(rows)) == len(drawn.teaches) + own
        assert set(rows) & set(drawn.mine.tolist()) and made.labelled is None
        assert not set(rows) & (set(drawn.mine.tolist()) - set(rows[len(drawn.teaches) :]))


def test_the_search_and_the_reading_are_apart():
    short = replace(MNIST, recipe=replace(MNIST.recipe, steps=2, check_every=2))
    rows, outcomes = both.with_both(short, FEW)
    tried, read = ([r for r in rows if r["part"] == part] for part in (SEARCH, READ))
    assert len(tried) >= BUDGET * SEARCHED + both.FINALISTS * (both.DECIDED - SEARCHED)
    assert {r["replicate"] for r in tried} == set(range(FIRST_SEARCHED, FIRST_SEARCHED + both.DECIDED))
    assert [r["replicate"] for r in read] == list(range(FIRST, FIRST + REPLICATES))
    last = [tuple(r[k] for k in ("lr", "weight_decay")) for r in tried if r["replicate"] == FIRST_SEARCHED + both.DECIDED - 1]
    decided = [r for r in tried if (r["lr"], r["weight_decay"]) in last]
    assert len(last) == both.FINALISTS and {k: read[0][k] for k in ("lr", "weight_decay")} == tuning.best(decided)
    assert outcomes["right"].shape == (REPLICATES, 1, len(MNIST.draw(0).test.labels))
    np.testing.assert_allclose(outcomes["right"].mean((1, 2)), [r["accuracy"] for r in read], atol=1e-5)


def test_boxes_of_both_are_in_one_pool():
    drawn = COCO.draw(0)
    pool, few = (coco.pool_with_both(COCO, regime, drawn) for regime in (ALL, FEW))
    assert len(pool) == 2 * (len(drawn.teaches) + len(drawn.mine)) and len(few) == 2 * (len(drawn.teaches) + COCO.few)
    assert torch.equal(few.pixels[0][: len(drawn.teaches)], drawn.teaches.images)
    assert torch.equal(few.pixels[0][len(drawn.teaches) : len(drawn.teaches) + COCO.few], drawn.mine.images[: COCO.few])
    boxes = sum(int((s.labels >= 0).sum()) for s in (drawn.teaches, drawn.mine))
    assert int((pool.labels["labels"] >= 0).sum()) == 2 * boxes


# ---- what is recorded


@pytest.mark.parametrize("app", [*APPS, "coco_detection"])
def test_the_setting_is_the_best_of_its_search_and_at_no_edge(app):
    rows, choose = read_record(name_of(app, "records_both")), choosing if app == "coco_detection" else tuning
    budget = 9 if app == "coco_detection" else BUDGET
    assert set(rows.regime) == set(LABELS)
    for regime in LABELS:
        mine = rows[rows.regime == regime]
        tried, read = mine[mine.part == SEARCH].to_dict("records"), mine[mine.part == READ]
        assert len(tried) >= budget * SEARCHED and choose.at_edges(ALONE, tried) == {}, regime
        assert sorted(read.replicate) == list(range(REPLICATES))
        for number, value in choose.best(tried).items():
            assert (read[number] == value).all(), (regime, number)


@pytest.mark.parametrize("app", [*APPS, "coco_detection"])
def test_what_is_gained_over_it_is_the_difference_of_the_columns(app):
    made = Detections if app == "coco_detection" else Results
    task = COCO if app == "coco_detection" else APPS[app]
    results, record = made(task, name_of(app, "records_arms"), name_of(app, "records_costs")), name_of(app, "records_both")
    rows, found = read_record(record), both.over_both(results, record)
    assert set(found) == set(REGIMES)
    for regime in REGIMES:
        mine = rows[(rows.regime == (FEW if regime == UNLABELLED else regime)) & (rows.part == READ)].sort_values("replicate")
        theirs = results.column(regime, results.soft, results.measure)
        assert found[regime].mean == pytest.approx((theirs - mine[results.measure].to_numpy(dtype=float)).mean(), abs=1e-5)
        assert found[regime].n == REPLICATES and BOTH in found[regime].name and found[regime].name.startswith(results.soft)
    assert results.soft == SOFT or app == "coco_detection"
