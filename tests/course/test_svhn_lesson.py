"""The lesson on SVHN: a shift of domain without labels of the new one, and the same nets on SVHN's own files."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from public_files import write_svhn

from distill_helpers.checks import InputError
from distill_helpers.course.applications.task import ALL, FEW, REPLICATES, UNLABELLED, replicate_in
from distill_helpers.course.applications.trials import in_one_regime
from distill_helpers.course.applications.ways import SOFT, WAYS
from distill_helpers.course.lessons.svhn import figures, full, shifted
from distill_helpers.course.lessons.svhn.measured import shifted as recorded
from distill_helpers.course.lessons.svhn.shifted import ARMS, LABELLED, NEW, OLD, OLD_ALONE, SHIFTS
from distill_helpers.course.lessons.svhn.task import SVHN, draw
from distill_helpers.show import layout_faults, style


@pytest.fixture(scope="module")
def found():
    return recorded()


def test_no_label_of_the_new_domain_reaches_a_student_of_the_old_teacher():
    drawn = shifted.unlabelled_at(1.0).draw(0)
    replicate = replicate_in(SVHN, UNLABELLED, drawn, 0)
    plain = draw(0)
    known = replicate_in(SVHN, FEW, plain, 0).rows
    assert int(replicate.labelled.sum()) == SVHN.few and len(drawn.pool) == len(plain.mine)
    mine = replicate.rows[replicate.labelled]
    assert torch.equal(drawn.pool.labels[mine], plain.pool.labels[known])  # the very pictures that are labelled without a shift
    assert torch.equal(drawn.pool.pixels[0][mine], plain.pool.pixels[0][known])
    assert (drawn.pool.labels[replicate.rows[~replicate.labelled]] == -100).all()
    assert (shifted.labelled_at(1.0).draw(0).pool.labels >= 0).all()


def test_pictures_belong_to_one_replicate_shift_and_part():
    sets = [shifted.pictures(seed, shift, 20, part) for seed in (0, 1) for shift in SHIFTS for part in ("learn", "test")]
    sets += [draw(0).pool.subset(torch.arange(20))]
    images = [getattr(s, "images", None) if hasattr(s, "images") else s.pixels[0] for s in sets]
    assert all(not torch.equal(a, b) for i, a in enumerate(images) for b in images[:i])
    assert torch.equal(shifted.pictures(0, 0.5, 20, "test").images, shifted.pictures(0, 0.5, 20, "test").images)


def test_the_record_is_whole_and_says_what_shifted_means(found):
    for shift in SHIFTS:
        for arm in ("teacher", *ARMS, OLD_ALONE):
            assert len(found.column(shift, arm)) == REPLICATES and found.column(shift, arm).min() > 0.3  # chance is 0.1
    assert (found.column(0.0, "teacher") > found.column(1.0, "teacher")).all() and (found.column(1.0, "teacher", "repeats") == 1).all()
    one = found.gain(1.0, NEW, LABELLED)
    assert one.mean == pytest.approx((found.column(1.0, NEW) - found.column(1.0, LABELLED)).mean()) and one.n == REPLICATES
    grows = found.grows(LABELLED, OLD)
    assert grows.mean == pytest.approx(found.gain(1.0, LABELLED, OLD).mean - found.gain(0.0, LABELLED, OLD).mean)
    with pytest.raises(InputError, match="arm must be one of"):
        found.column(0.3, NEW)


def test_pictures_can_be_read(found):
    style()
    sample = shifted.pictures(0, 1.0, 20, "test")
    for picture in (figures.by_shift.picture(found), figures.repeated.picture(found), figures.at_a_shift.picture(found, 0.5),
                    figures.numbers.picture(sample.images, sample.labels.tolist(), "at shift 1")):  # fmt: skip
        assert layout_faults(picture.fig) == []


def test_the_same_cells_run_on_the_public_files(tmp_path, no_cache):
    for split, count in (("train", 240), ("test", 60)):
        write_svhn(tmp_path, split, np.arange(count) % 10)
    app = full.application(tmp_path, validation=40, verify=False)
    short = dict(steps=60, batch_size=16, check_every=20)
    app = replace(app, few=20, longer=90, recipe=replace(app.recipe, **short), teaching=replace(app.teaching, **short))
    plain = {way: WAYS[way].cells[1] if WAYS[way].cells else {"lr": 0.016, "weight_decay": 0.1} for way in app.ways}
    rows, outcomes = in_one_regime(app, ALL, dict.fromkeys((ALL, FEW, UNLABELLED), plain), 0)
    soft = next(row for row in rows if row["arm"] == SOFT)
    assert soft["accuracy"] > 0.3 and outcomes["right"].shape == (1, len(rows), 60)  # chance is 0.1
    with pytest.raises(InputError, match="train_32x32.mat"):
        full.application(tmp_path / "elsewhere")
