"""The experiment that the applications share: draws without laundering, settings as they were chosen, three questions computed rightly."""

import importlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.course.applications import figures, results, tuning
from distill_helpers.course.applications.task import ALL, FEW, FIRST, FIRST_SEARCHED, REGIMES, REPLICATES, UNLABELLED, replicate_in
from distill_helpers.course.applications.ways import ALONE, LONGER, PSEUDO, SELF, SOFT, WAYS
from distill_helpers.course.catalogue import LESSONS
from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.lessons.imagenet.task import IMAGENET
from distill_helpers.course.lessons.mnist.task import MNIST
from distill_helpers.course.lessons.svhn.task import SVHN
from distill_helpers.course.records import read_record
from distill_helpers.show import layout_faults, style

APPS = {"mnist": MNIST, "svhn": SVHN, "imagenet": IMAGENET}
BUDGET = 15


def module(app, name):
    return importlib.import_module(f"distill_helpers.course.lessons.{app}.{name}")


@pytest.fixture(scope="module", params=APPS)
def found(request):
    app = request.param
    return results.Results(APPS[app], module(app, "records_arms").__name__, module(app, "records_costs").__name__)


def test_every_built_application_is_tested_here():
    built = {lesson.name for lesson in LESSONS if lesson.part == "Applications" and lesson.built}
    assert set(APPS) == built & {"mnist", "svhn", "cifar10", "imagenet"}


# ---- draws


@pytest.mark.parametrize("app", APPS.values(), ids=APPS)
def test_no_teacher_has_an_image_of_its_student(app):
    for seed in (0, 1, FIRST_SEARCHED):
        drawn = app.draw(seed)
        assert not set(drawn.teaches.tolist()) & set(drawn.mine.tolist())
        every, few, mixed = (replicate_in(app, regime, drawn, seed) for regime in REGIMES)
        assert every.labelled is None and sorted(every.rows.tolist()) == sorted(drawn.mine.tolist())
        assert len(few.rows) == app.few and few.labelled is None and torch.equal(few.rows, mixed.rows[mixed.labelled])
        assert torch.equal(mixed.rows, drawn.mine) and int(mixed.labelled.sum()) == app.few
        classes = drawn.pool.classes
        assert drawn.pool.labels[few.rows].bincount(minlength=classes).unique().tolist() == [app.few // classes]
    one, other = app.draw(0), app.draw(1)
    pixels = lambda d: d.pool.pixels[0][d.teaches[:50]]
    assert not torch.equal(pixels(one), pixels(other))
    assert app.crossed == torch.equal(one.validation.images, other.validation.images)


def test_regimes_train_what_has_a_meaning_there():
    assert not {PSEUDO, SELF} & set(MNIST.arms(ALL)) and ALONE in MNIST.arms(FEW)
    assert {ALONE, LONGER} & set(MNIST.arms(UNLABELLED)) == set() and {PSEUDO, SELF} <= set(MNIST.arms(UNLABELLED))


# ---- settings


def test_every_way_is_searched_over_as_many_settings():
    for name, way in WAYS.items():
        first, *more = way.stages()
        cells = first({})
        best = cells[0]
        assert len(cells) + sum(len(stage(best)) for stage in more) == BUDGET, name
        assert {"lr"} <= set(best) and (way.cells == () or any(c.get("weight") == 0 or c.get("threshold") == 1 for c in cells))
        assert way.build(**best).needs_teacher == way.teacher or name in (PSEUDO, SELF)


@pytest.mark.parametrize("app", APPS)
def test_the_settings_are_those_that_the_search_chose(app):
    rows, tuned = read_record(module(app, "records_search").__name__), module(app, "tuned").TUNED
    assert set(tuned) == set(REGIMES)
    for regime in REGIMES:
        assert set(tuned[regime]) == set(tuning.to_search(APPS[app], regime))
        for arm, numbers in tuned[regime].items():
            mine = rows[(rows.regime == regime) & (rows.arm == arm)].to_dict("records")
            assert len(mine) >= 2 * BUDGET and tuning.at_edges(arm, mine) == {}, (regime, arm)
            assert {r["replicate"] for r in mine} == {FIRST_SEARCHED, FIRST_SEARCHED + 1}
            assert tuning.best(mine) == pytest.approx(numbers), (regime, arm)


def test_edges_are_found_natural_bounds_apart():
    rows = [{"lr": r, "weight": w, "replicate": s, "accuracy": 0.5 + 0.1 * (r == 0.1) + 0.2 * (w == 1.0)}
            for r in (0.001, 0.01, 0.1) for w in (0.0, 0.5, 1.0) for s in (100, 101)]  # fmt: skip
    assert tuning.best(rows) == {"lr": 0.1, "weight": 1.0} and tuning.at_edges(SOFT, rows) == {"lr": 0.1}
    assert tuning.at_edges("Jacobian matching", rows) == {"lr": 0.1, "weight": 1.0}
    assert tuning.beyond_edges("Jacobian matching", rows) == [{"lr": 1.0, "weight": 1.0}, {"lr": 0.1, "weight": 2.0}]
    rows = [row | {"accuracy": row["accuracy"] + 0.3 * (row["lr"] == 0.01)} for row in rows]
    assert tuning.at_edges(SOFT, rows) == {}


# ---- the three questions, on hand-made rows


def made(monkeypatch, looks, diverged=()):
    """Results of four replicates whose looks are those given: {arm: [looks of replicate 0, ...]}."""
    rows = [{"regime": ALL, "arm": arm, "replicate": r, "accuracy": values[-1], "diverged": int((arm, r) in diverged), "at": "10 20 30 40",
             "looks": " ".join(map(str, values))} for arm, each in looks.items() for r, values in enumerate(each)]  # fmt: skip
    seconds = pd.DataFrame({"part": ["teacher", "teacher's answers", ALONE, SOFT], "took": [8.0, 2.0, 0.1, 0.2],
                            "fastest": [7.0, 1.5, 0.05, 0.15], "slowest": [9.0, 3.0, 0.4, 0.3]})  # fmt: skip
    monkeypatch.setattr(results, "read_record", lambda name: pd.DataFrame(rows) if name == "arms" else seconds)
    return results.Results(replace(MNIST, crossed=False, recipe=replace(MNIST.recipe, steps=40)), "arms", "costs")


ALONES = [[0.5, 0.6, 0.7, 0.8], [0.5, 0.8, 0.8, 0.8], [0.1, 0.2, 0.3, 0.9], [0.5, 0.6, 0.7, 0.8]]
SOFTS = [[0.5, 0.8, 0.9, 0.9], [0.5, 0.6, 0.7, 0.75], [0.9, 0.9, 0.9, 0.9], [0.8, 0.1, 0.2, 0.3]]


def test_steps_to_the_quality_that_both_reach(monkeypatch):
    made_up = made(monkeypatch, {ALONE: ALONES, SOFT: SOFTS})
    mine, alone = made_up.reached(ALL, SOFT)
    assert mine.tolist() == [20, 40, 10, 10] and alone.tolist() == [40, 20, 40, 40]
    assert made_up.steps_saved(ALL).mean == pytest.approx(np.mean([20, -20, 30, 30]) / 40)
    back, forth = made_up.reached(ALL, ALONE, SOFT)
    assert back.tolist() == alone.tolist() and forth.tolist() == mine.tolist()


def test_time_counts_the_teacher_or_not(monkeypatch):
    made_up = made(monkeypatch, {ALONE: ALONES, SOFT: SOFTS})
    alone, mine = np.array([40, 20, 40, 40]) * 0.1, np.array([20, 40, 10, 10]) * 0.2
    assert made_up.time_saved(ALL, teacher=False).mean == pytest.approx((alone - mine - 2).mean() / 4)  # its answers count
    assert made_up.time_saved(ALL).mean == pytest.approx((alone - mine - 10).mean() / 4)


def test_other_timings_of_the_same_steps(monkeypatch):
    made_up = made(monkeypatch, {ALONE: ALONES, SOFT: SOFTS})
    alone, mine = np.array([40, 20, 40, 40]), np.array([20, 40, 10, 10])
    kind, unkind = made_up.timed(True).time_saved(ALL), made_up.timed(False).time_saved(ALL)
    assert kind.mean == pytest.approx((alone * 0.4 - mine * 0.15 - 8.5).mean() / 16)
    assert unkind.mean == pytest.approx((alone * 0.05 - mine * 0.3 - 12).mean() / 2)
    assert made_up.time_saved(ALL).mean == pytest.approx((alone * 0.1 - mine * 0.2 - 10).mean() / 4)  # the results themselves are as they were


def test_who_diverged_never_reaches_it(monkeypatch):
    made_up = made(monkeypatch, {ALONE: ALONES, SOFT: SOFTS}, diverged=[(SOFT, 2), (ALONE, 1)])
    mine, alone = made_up.reached(ALL, SOFT)
    assert mine.tolist() == [20, 40, 40, 10] and alone.tolist() == [40, 40, 40, 40] and made_up.steps_saved(ALL).diverged == 2


# ---- what is recorded


def test_every_arm_has_every_replicate_and_learnt(found):
    app = found.app
    for regime in REGIMES:
        for arm in found.arms(regime):
            assert sorted(found.of(regime, arm).replicate) == list(range(REPLICATES)), (regime, arm)
            steps, looks = found.looks(regime, arm)
            assert len(steps) >= 20 and steps[-1] in (app.recipe.steps, app.longer) and looks.shape == (len(steps), REPLICATES)
    assert found.column(ALL, "teacher", "accuracy").min() > found.column(ALL, ALONE, "accuracy").max()
    assert found.column(ALL, ALONE, "accuracy").min() > 3 / app.draw(FIRST).pool.classes  # three times as often as chance
    with pytest.raises(InputError, match="arm must be one of"):
        found.column(ALL, "another", "accuracy")


def test_arms_that_are_others_under_another_name(found):
    assert found.where(ALL, PSEUDO) == (ALL, ALONE) and found.where(FEW, SELF) == (FEW, ALONE)
    assert found.where(UNLABELLED, ALONE) == (FEW, ALONE) and found.where(UNLABELLED, PSEUDO) == (UNLABELLED, PSEUDO)


def test_outcomes_are_the_rows(found):
    if found.app.crossed:
        for regime, arm in ((ALL, "teacher"), (FEW, SOFT), (UNLABELLED, PSEUDO)):
            np.testing.assert_allclose(found.outcomes(regime, arm).mean(1), found.column(regime, arm, "accuracy"), atol=1e-5)
    d = found.gain(FEW, SOFT)
    assert d.mean == pytest.approx((found.column(FEW, SOFT, "accuracy") - found.column(FEW, ALONE, "accuracy")).mean(), abs=1e-5)


def test_alone_for_longer_takes_as_long_as_teacher_and_student(found):
    seconds, steps = found.seconds, found.app.recipe.steps
    both = seconds["teacher"] + seconds["teacher's answers"] + steps * found.step_seconds(SOFT)
    assert found.app.longer * found.step_seconds(ALONE) == pytest.approx(both, rel=0.35)


def test_what_is_handed_in_is_what_the_register_asks_for(found):
    home = found.app.name
    parts = [part for part in CLAIMS["C22"].parts if part.home == home]
    assert len(parts) == 3
    for part, given in zip(parts, (found.easier(), found.shorter(), found.better()), strict=True):
        assert set(given) == set(part.readings)


def test_pictures_can_be_read(found):
    style()
    for picture in (figures.questions.picture(found), figures.seconds.picture(found), *(figures.gains.picture(found, r) for r in REGIMES),
                    *(figures.learning.picture(found, r) for r in REGIMES)):  # fmt: skip
        assert layout_faults(picture.fig) == []
