"""What the lesson on finding objects makes of its records: three questions asked of average precision, figures, page; and the records."""

import numpy as np
import pandas as pd
import pytest
from page_rules import RULES, Page

from distill_helpers.boxes import unpadded
from distill_helpers.course import sync
from distill_helpers.course.applications import figures as shared
from distill_helpers.course.applications import results as applications
from distill_helpers.course.applications.task import ALL, FEW, FIRST_SEARCHED, REGIMES, REPLICATES, UNLABELLED
from distill_helpers.course.applications.ways import ALONE, LONGER
from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.exercises import all_exercises
from distill_helpers.course.lessons.coco_detection import choosing, figures, recorded, records_arms, records_costs, records_search
from distill_helpers.course.lessons.coco_detection.results import Detections
from distill_helpers.course.lessons.coco_detection.task import COCO, scenes
from distill_helpers.course.lessons.coco_detection.tuned import TUNED
from distill_helpers.course.lessons.coco_detection.ways import OTHER, PKD, PSEUDO, SOFT, WAYS, arms_in, to_search
from distill_helpers.course.records import read_record
from distill_helpers.course.references import references
from distill_helpers.measure.detection import Found
from distill_helpers.measure.detection_errors import KINDS, MISSED, RIGHT
from distill_helpers.models.detector import Detector
from distill_helpers.show import layout_faults, style

recorded_already = pytest.mark.skipif(not TUNED, reason="nothing is recorded yet")
LEVELS = {"teacher": 0.30, ALONE: 0.05, LONGER: 0.08, PSEUDO: 0.09, SOFT: 0.12, PKD: 0.11, OTHER: 0.04}


def made_rows():
    """Eight replicates of every arm, by LEVELS, with few labels lower than with all, each as good as its replicate is lucky."""
    rows = []
    for regime in REGIMES:
        for arm in (*(["teacher"] if regime == ALL else []), *arms_in(regime)):
            for r in range(REPLICATES):
                ap = LEVELS[arm] * (1 if regime == ALL or arm == "teacher" else 0.6 if regime == FEW else 0.8) + 0.001 * r
                looks = ap * np.arange(1, 6) / 5
                row = {"regime": regime, "arm": arm, "replicate": r, "ap": ap, "ap50": 2 * ap, "ap75": ap, "small": ap / 2, "medium": 1.5 * ap}
                row |= {"large": 2 * ap, "threshold": 0.3, "f1": 2 * ap} | dict.fromkeys(KINDS, 10.0) | {RIGHT: 200 * ap, MISSED: 100 - 200 * ap}
                rows.append(row | {"diverged": 0, "at": "160 320 480 640 800", "looks": " ".join(f"{v:.4f}" for v in looks)})
    return pd.DataFrame(rows)


@pytest.fixture
def found(monkeypatch):
    seconds = {"teacher": 20.0, "teacher's answers": 1.0, ALONE: 0.01, SOFT: 0.012, PSEUDO: 0.011, PKD: 0.012, OTHER: 0.012}
    costs = pd.DataFrame({"part": list(seconds)} | dict.fromkeys(("took", "fastest", "slowest"), list(seconds.values())))
    monkeypatch.setattr(applications, "read_record", lambda name: made_rows() if name == "arms" else costs)
    return Detections(COCO, "arms", "costs")


# ---- the three questions


def test_gains_are_of_average_precision(found):
    assert found.gain(ALL, SOFT).mean == pytest.approx(0.07) and found.gain(FEW, SOFT).mean == pytest.approx(0.07 * 0.6)
    assert found.gain(UNLABELLED, SOFT).mean == pytest.approx(0.12 * 0.8 - 0.05 * 0.6)  # alone has the few boxes only
    assert found.gain(ALL, SOFT, PSEUDO).mean == pytest.approx(found.gain(ALL, SOFT).mean)  # where all boxes are known
    assert found.gain(ALL, SOFT, measure="ap50").mean == pytest.approx(0.14)


def test_steps_and_time_to_the_quality_that_both_show(found):
    mine, alone = found.reached(ALL, SOFT)
    assert alone.tolist() == [800] * REPLICATES and set(mine.tolist()) == {480}
    assert found.steps_saved(ALL).mean == pytest.approx(320 / 800)
    assert found.time_saved(ALL, teacher=False).mean == pytest.approx(1 - (480 * 0.012 + 1) / 8)  # its answers count
    assert found.time_saved(ALL).mean == pytest.approx(1 - (480 * 0.012 + 21) / 8)
    assert found.asked_before(ALL, ALONE) == 0 and found.asked_before(ALL, PSEUDO) == 21


def test_what_is_handed_in_is_what_the_register_asks_for(found):
    parts = [part for part in CLAIMS["C22"].parts if part.home == "coco_detection"]
    assert len(parts) == 3
    for part, given in zip(parts, (found.easier(), found.shorter(), found.better()), strict=True):
        assert set(given) == set(part.readings)
    better = found.better()
    assert better["vs_longer_alone"].mean == pytest.approx(0.04)
    assert better["conditions.vs_pseudo_labels"][UNLABELLED].mean == pytest.approx(0.03 * 0.8)


# ---- figures


def test_pictures_of_the_record_can_be_read(found):
    style()
    arms = ("teacher", ALONE, PSEUDO, SOFT, PKD)
    for picture in (*(shared.gains.picture(found, r) for r in REGIMES), *(shared.learning.picture(found, r) for r in REGIMES),
                    shared.questions.picture(found), shared.seconds.picture(found), recorded.by_size.picture(found, ALL),
                    recorded.errors.picture(found, UNLABELLED, arms), recorded.control.picture(found)):  # fmt: skip
        assert layout_faults(picture.fig) == [], picture.caption
    assert "mean average precision" in shared.gains.picture(found, ALL).caption and "soft detections" in shared.questions.picture(found).caption


def test_tables_have_every_arm_once(found):
    arms = [row["arm"] for row in recorded.summary(found, UNLABELLED)]
    assert arms == ["teacher", ALONE, LONGER, PSEUDO, SOFT, PKD, OTHER] and PSEUDO not in [row["arm"] for row in recorded.summary(found, ALL)]
    assert recorded.summary(found, ALL)[0]["mAP"] == pytest.approx(100 * (0.30 + 0.0035))


def test_pictures_of_detectors_can_be_read():
    style()
    data = scenes(6, 7)
    truth = [Found(boxes, 0.9 - 0.1 * (labels % 3), labels) for boxes, labels in unpadded(data.boxes, data.labels)]
    answers = {"teacher": truth, ALONE: [one.above(0.8) for one in truth], SOFT: [one.above(0.75) for one in truth]}
    models = {name: Detector(10, 4) for name in answers}
    thresholds = dict.fromkeys(models, 0.05)
    widget = figures.at_threshold.picture(data, answers, 0.85, 1)
    curve = figures.precision_and_recall.picture(data, answers)
    for picture in (figures.scenes.picture(data, 6), figures.answering.picture(data, 1), curve, widget):
        assert layout_faults(picture.fig) == [], picture.caption
    drawn = figures.drawn.picture(data, models, thresholds, 2)
    assert all(f"{name}: " in drawn.alt for name in models) and len(drawn.fig.axes) == 6
    objects, sure = sum(len(one.boxes) for one in truth), sum(len(one.above(0.85).boxes) for one in truth)
    assert f"teacher: {sure} right of {sure} answers, {objects - sure} missed" in widget.alt
    perfect = figures.precision_rows(data, answers)[0]
    assert perfect["ap50"] == pytest.approx(100) and figures.precision_rows(data, answers)[1]["ap50"] < 100
    assert figures.flow.picture(COCO.teacher(), COCO.student()).svg.startswith("<svg")


# ---- the page


STATIC = ("formulas", "width_of_code", "length_of_cells", "plotting", "predictions", "length_of_texts", "closing", "exercises", "papers")


def test_the_page_keeps_the_rules_that_its_source_can_break():
    (source,) = sync.sources(["18"])
    kinds = tuple(getattr(e, "kind", "computes") for name, e in all_exercises().items() if name.startswith("18."))
    page = Page(sync.from_source(source), source.stem, ("C22",), kinds, frozenset(references()))
    assert {name: faults for name in STATIC if (faults := RULES[name](page))} == {}
    assert [fault for fault in RULES["opening"](page) if "drawing" not in fault] == []


# ---- what is recorded


@recorded_already
def test_the_settings_are_those_that_the_search_chose():
    rows = read_record(records_search.__name__)
    assert set(TUNED) == set(REGIMES)
    for regime in REGIMES:
        assert set(TUNED[regime]) == set(to_search(regime))
        for arm, numbers in TUNED[regime].items():
            mine = rows[(rows.regime == regime) & (rows.arm == arm)].to_dict("records")
            assert len(mine) >= 18 and choosing.at_edges(arm, mine) == {}, (regime, arm)
            assert {r["replicate"] for r in mine} == {FIRST_SEARCHED, FIRST_SEARCHED + 1}
            assert choosing.best(mine) == pytest.approx(numbers), (regime, arm)


@recorded_already
def test_every_arm_has_every_replicate_and_the_teacher_knows_more():
    found = Detections(COCO, records_arms.__name__, records_costs.__name__)
    for regime in REGIMES:
        for arm in found.arms(regime):
            assert sorted(found.of(regime, arm).replicate) == list(range(REPLICATES)), (regime, arm)
            steps, looks = found.looks(regime, arm)
            assert len(steps) >= 20 and steps[-1] in (COCO.recipe.steps, COCO.longer) and looks.shape == (len(steps), REPLICATES)
    teacher, alone = (found.column(ALL, arm, "ap50") for arm in ("teacher", ALONE))
    assert (teacher > alone + 0.1).all() and alone.min() > 0.05  # an untrained student has less than 0.01


@recorded_already
def test_alone_for_longer_takes_as_long_as_teacher_and_student():
    found = Detections(COCO, records_arms.__name__, records_costs.__name__)
    both = found.seconds["teacher"] + found.seconds["teacher's answers"] + COCO.recipe.steps * found.step_seconds(SOFT)
    assert COCO.longer * found.step_seconds(ALONE) == pytest.approx(both, rel=0.35)


def test_every_arm_is_drawn_and_timed():
    assert set(LEVELS) == {"teacher", *WAYS}
