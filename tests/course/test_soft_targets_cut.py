"""The second edition's cut of the digits, and the halves that teach and learn."""

import torch

from distill_helpers.course.lessons.soft_targets import halves
from distill_helpers.data import load_digits, load_digits_cut


def rows(images):
    """Each image as bytes, so that sets of them can be compared."""
    return [bytes(image.flatten().tolist()) for image in images]


def test_the_cut_is_balanced_whole_and_the_same_every_time():
    parts = load_digits_cut()
    assert [len(part) for part in parts] == [2500, 500, 2000]
    for part in parts:
        assert part.labels.bincount(minlength=10).unique().tolist() == [len(part) // 10]
        assert (part.labels[:-1] != part.labels[1:]).float().mean() > 0.8  # in random order
    cut, old = ([image for part in given for image in rows(part.images)] for given in (parts, load_digits()))
    assert sorted(cut) == sorted(old) and len(set(cut)) > 4990
    again = load_digits_cut()
    assert all(torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in zip(parts, again, strict=True))
    assert set(rows(parts.test.images)) != set(rows(load_digits().test.images))


def test_no_teacher_has_a_label_of_the_student_s_half():
    for labels in halves.LABELS:
        for seen in ("all", "labelled"):
            for drawn in halves.replicates(labels, seen):
                own = drawn.rows.tolist()
                assert len(drawn.teacher_rows) == halves.HALF and not set(own) & set(drawn.teacher_rows.tolist())
                known = drawn.rows if drawn.labelled is None else drawn.rows[drawn.labelled]
                assert len(known) == labels and len(own) == (halves.HALF if seen == "all" else labels)
                assert halves.pool().labels[known].bincount(minlength=10).tolist() == [labels // 10] * 10


def test_one_seed_draws_one_teacher_and_the_same_labels_whatever_is_seen():
    for a, b, c in zip(halves.replicates(50, "all"), halves.replicates(50, "labelled"), halves.replicates(1250, "all"), strict=True):
        assert a.seed == b.seed == c.seed and torch.equal(a.teacher_rows, b.teacher_rows) and torch.equal(a.teacher_rows, c.teacher_rows)
        assert torch.equal(a.rows[a.labelled], b.rows) and torch.equal(a.rows, c.rows) and c.labelled.all()


def test_settings_are_chosen_on_replicates_that_are_not_measured():
    measured = {r.seed for r in halves.replicates(200, "all")}
    searched = {r.seed for r in halves.replicates(200, "all", 2, halves.FIRST_SEARCHED)}
    assert len(measured) == halves.REPLICATES and not measured & searched
