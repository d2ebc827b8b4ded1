"""What lesson 07 reads from its records: intervals over replicates and digits, the settings that the search chose, README's picture."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.course.lessons.soft_targets import (
    choosing,
    figures,
    halves,
    records_arms,
    records_controls,
    records_longer,
    records_pooled,
    records_search,
    records_twice,
)
from distill_helpers.course.lessons.soft_targets.arms import LONGER, ONLY, SAME_WITH_ALL, WAYS, arms_at
from distill_helpers.course.lessons.soft_targets.doubts import doubts
from distill_helpers.course.lessons.soft_targets.measured import SOFT, TEACHER, chosen, measured, searched, searched_rows, settings_of
from distill_helpers.course.lessons.soft_targets.tuned import BESIDE_LABELS, BOTH_HALVES, NEXT_BEST, SAME_DECAY, TUNED, TWICE
from distill_helpers.course.paths import repository
from distill_helpers.show import layout_faults, style

COUNTS = halves.LABELS


@pytest.fixture(scope="module")
def found():
    return measured()


@pytest.fixture(scope="module")
def rows():
    return searched()


def test_every_arm_has_every_replicate(found):
    for labels in COUNTS:
        for arm in (*arms_at(labels), TEACHER):
            at = halves.ALL if arm == TEACHER else labels
            mine = found.rows[(found.rows.labels == at) & (found.rows.arm == arm)]
            assert sorted(mine.replicate) == list(range(halves.REPLICATES)), (labels, arm)
            assert found.right(labels, arm).shape == (halves.REPLICATES, 2000)


def test_the_packed_outcomes_are_the_rows(found):
    """Accuracy and calibration error of each replicate follow from what is kept of each digit."""
    for labels, arm in ((halves.ALL, "alone"), (halves.FEW, SOFT), (halves.FEW, "self-training"), (halves.ALL, TEACHER)):
        np.testing.assert_allclose(found.right(labels, arm).mean(1), found.column(labels, arm, "accuracy"), atol=1e-6)
        np.testing.assert_allclose(found.miscalibration(labels, arm).mean(1), found.column(labels, arm, "ece"), atol=2e-3)


def test_the_teacher_and_every_student_learnt(found):
    """An untrained student is right on one digit in ten; every arm but the random teacher is far from it, in every replicate."""
    assert found.column(halves.ALL, TEACHER, "accuracy").min() > 0.93
    for labels in COUNTS:
        for arm in arms_at(labels):
            if arm != "random teacher":
                assert found.column(labels, arm, "accuracy").min() > 0.6, (labels, arm)
    assert not found.rows.diverged.any()


def test_gains_are_paired_and_turn_round(found):
    one, other = found.gain(halves.ALL, SOFT, "alone"), found.gain(halves.ALL, "alone", SOFT)
    assert (one.n, one.method) == (halves.REPLICATES, "two-way")
    assert (one.mean, one.low) == pytest.approx((-other.mean, -other.high))
    means = [found.column(halves.ALL, arm, "accuracy").mean() for arm in (SOFT, "alone")]
    assert one.mean == pytest.approx(means[0] - means[1], abs=1e-6)
    assert sum(one.sources.values()) == pytest.approx(1)


def test_the_gap_is_training_minus_test(found):
    gaps = {arm: found.column(halves.ALL, arm, "train") - found.column(halves.ALL, arm, "accuracy") for arm in ("alone", SOFT)}
    assert found.gap_closed(halves.ALL, SOFT).mean == pytest.approx((gaps["alone"] - gaps[SOFT]).mean(), abs=1e-6)


def test_a_share_of_the_teacher_is_held_unpaired(found):
    kept = found.kept_share(halves.ALL, SOFT)
    wanted = found.column(halves.ALL, SOFT, "accuracy").mean() - 0.98 * found.column(halves.ALL, TEACHER, "accuracy").mean()
    assert kept.method == "two-way, unpaired" and kept.mean == pytest.approx(wanted, abs=1e-6)


def test_with_all_labels_three_arms_are_others_under_another_name(found):
    assert found.same_as(halves.ALL, "pseudo-labels") == "alone" and found.same_as(halves.FEW, "pseudo-labels") == "pseudo-labels"
    assert set(SAME_WITH_ALL) == set(WAYS) - set(arms_at(halves.ALL))
    with pytest.raises(InputError, match="that was run with 50 labels"):
        found.column(50, "distil longer", "accuracy")


def test_the_settings_are_those_that_the_search_chose(rows):
    for labels, arms in TUNED.items():
        for arm, numbers in arms.items():
            assert chosen(labels, arm, rows) == pytest.approx(numbers), (labels, arm)
        assert "alone" in arms and (labels not in (halves.FEW, halves.ALL) or set(arms) == set(arms_at(labels)) - set(LONGER))
    assert set(TUNED) == set(COUNTS)


def tried(rows):
    """{setting: the replicates that it was tried on} of one arm's search."""
    found = {}
    for row in rows:
        found.setdefault(tuple((n, row[n]) for n in choosing.NUMBERS if n in row and not np.isnan(row[n])), set()).add(row["replicate"])
    return found


def test_every_arm_was_tuned_on_the_same_budget_and_no_winner_lies_at_an_edge(rows):
    for setting in records_search.SETTINGS:
        mine = searched_rows(setting["labels"], setting["arm"], rows)
        cells, begins = tried(mine), bool(WAYS[setting["arm"]].begins)
        everywhere = sum(len(seen) == choosing.DECIDED for seen in cells.values())
        assert all(len(seen) in (choosing.SEARCHED, choosing.DECIDED) for seen in cells.values()), setting
        further = everywhere - choosing.FINALISTS
        assert 0 <= further <= 2 * choosing.FURTHER and len(cells) - further == records_search.BUDGET + begins, setting
        assert choosing.edges(mine) == {}, setting


def test_the_last_round_is_between_the_best_of_the_first(rows):
    """Whatever was left behind after two replicates was no better on them than what went on."""
    for setting in records_search.SETTINGS:
        mine = searched_rows(setting["labels"], setting["arm"], rows)
        first = min(row["replicate"] for row in mine)
        order = choosing.ranked([row for row in mine if row["replicate"] < first + choosing.SEARCHED], choosing.SEARCHED)
        went_on = {cell for cell, seen in tried(mine).items() if len(seen) == choosing.DECIDED}
        behind = next(i for i, cell in enumerate(order) if tuple(cell.items()) not in went_on)
        assert behind >= choosing.FINALISTS, setting  # those that lead all went on


def test_a_search_follows_a_winner_beyond_the_edge():
    """With an accuracy that peaks outside the grid, the search walks there; what it chose is no edge any more."""
    peak = 2.56

    def score(cells, first, count):
        values = [1 - abs(np.log(cell["lr"] / peak)) / 20 - 0.01 * cell["weight_decay"] for cell in cells]
        return torch.tensor([values] * count, dtype=torch.float64)

    rows = choosing.searched(records_search.stages("alone"), score)
    assert choosing.best(rows) == {"lr": peak, "weight_decay": 0.0} and choosing.edges(rows) == {}
    assert max(records_search.RATES) < peak and len(tried(rows)) == records_search.BUDGET + 3
    few = [row for row in rows if row["replicate"] < choosing.SEARCHED]
    assert choosing.ranked(few, choosing.DECIDED) == []


def test_what_two_replicates_prefer_by_luck_eight_undo():
    def score(cells, first, count):
        good = [float(cell["lr"] == 0.04 and cell["weight_decay"] == 0.05) for cell in cells]
        lucky = [float(cell["lr"] == 0.08 and cell["weight_decay"] == 0.05) for cell in cells]
        return torch.tensor([[0.5 + 0.1 * g + (0.2 if first + r < 2 else 0.0) * k for g, k in zip(good, lucky, strict=True)] for r in range(count)],
                            dtype=torch.float64)  # fmt: skip

    rows = choosing.searched(records_search.stages("alone"), score)
    assert choosing.ranked(rows, choosing.SEARCHED)[0]["lr"] == 0.08 and choosing.best(rows)["lr"] == 0.04


def test_answers_only_never_use_a_label(rows):
    for labels in (halves.FEW, halves.ALL):
        assert {row["weight"] for row in searched_rows(labels, ONLY, rows)} == {1.0}


def test_a_setting_says_what_its_run_needs():
    for setting in records_arms.SETTINGS:
        way = WAYS.get(setting["arm"])
        assert bool(way and (way.begins or way.asked == "earlier student")) == any(name.startswith("first_") for name in setting)
        assert way is None or "lr" in setting


def pixels(picture) -> np.ndarray:
    from matplotlib import image

    if not isinstance(picture, (str, bytes)) and hasattr(picture, "savefig"):
        buffer = io.BytesIO()
        picture.savefig(buffer, format="png", dpi=figures.README_DPI, metadata={"Software": None})
        picture = buffer.getvalue()
    return image.imread(io.BytesIO(picture))


def test_readme_s_picture_is_what_the_record_says(found, tmp_path):
    kept = (repository() / "docs" / "images" / "regimes.png").read_bytes()
    one, two = pixels(kept), pixels(figures.readme_picture(found, tmp_path / "regimes.png").read_bytes())
    assert one.shape == two.shape and np.abs(one - two).mean() < 0.01
    readme = (repository() / "README.md").read_text(encoding="utf-8")
    assert f"]({'docs/images/regimes.png'})" in readme
    changed = measured.__wrapped__()
    changed.kept = {key: dict(packed) for key, packed in changed.kept.items()}
    for (labels, arm), packed in changed.kept.items():
        if arm == SOFT and labels == halves.FEW:
            packed["right"] = np.zeros_like(packed["right"])
    assert np.abs(one - pixels(figures.readme_picture(changed, tmp_path / "changed.png").read_bytes())).mean() > 0.005


@pytest.fixture
def as_on_the_page():
    with plt.rc_context():
        style()
        yield
        plt.close("all")


def test_every_figure_can_be_read(found, rows, as_on_the_page):
    z = 3 * torch.randn(5, 10, generator=torch.Generator().manual_seed(0))
    images = torch.zeros(5, 1, 28, 28, dtype=torch.uint8)
    pictures = [figures.regimes.picture(found), figures.training_on.picture(found), figures.beliefs.picture(images, z),
                figures.belief.picture(images, z, 8.0, 1), figures.gradient_sizes.picture({1.0: (0.01, 0.01), 16.0: (0.02, 1e-4)}),
                figures.reliability.picture(found, halves.ALL, ["alone", "label smoothing", SOFT]),
                figures.threes.picture({"labels alone": [0.0] * 4, "soft targets": [0.1, 0.2, 0.3, 0.4]},
                                       {"labels alone": [0.0] * 4, "soft targets": [0.01, 0.02, 0.01, 0.03]})]  # fmt: skip
    pictures += [figures.gains.picture(found, n) for n in COUNTS] + [figures.grid.picture(rows, n) for n in (halves.FEW, halves.ALL)]
    for picture in pictures:
        assert layout_faults(picture.fig) == [], picture.caption


# ---- two doubts about the student alone


def test_the_next_best_settings_are_those_of_the_search(rows):
    for labels, cells in NEXT_BEST.items():
        ranked = choosing.ranked(searched_rows(labels, "alone", rows), choosing.DECIDED)
        assert ranked[0] == pytest.approx(TUNED[labels]["alone"]) and [dict(c) for c in cells] == ranked[1 : 1 + len(cells)]


def test_alone_is_held_at_the_decay_of_soft_targets_with_its_best_rate_there(rows):
    for labels, numbers in SAME_DECAY.items():
        assert numbers["weight_decay"] == TUNED[labels][SOFT]["weight_decay"]
        mine = [row for row in searched_rows(labels, "alone", rows) if row["weight_decay"] == numbers["weight_decay"]]
        ranked = choosing.ranked(mine, choosing.DECIDED) or choosing.ranked(mine, choosing.SEARCHED)
        assert numbers == pytest.approx(ranked[0])


def test_alone_has_the_labels_of_both_halves_and_is_tuned_as_alone_is():
    doubted = doubts()
    for labels in (halves.FEW, halves.ALL):
        for both, own in zip(records_controls._both(labels, 2, 0), halves.replicates(labels, "labelled", 2, 0), strict=True):
            assert len(both.rows) == labels + halves.HALF == len(set(both.rows.tolist()))
            assert set(own.rows.tolist()) < set(both.rows.tolist()) and both.labelled is None and both.seed == own.seed
        mine = doubted.rows[(doubted.rows.labels == labels) & (doubted.rows.arm == records_controls.BOTH)]
        search, read = mine[mine.part == "search"].to_dict("records"), mine[mine.part == "read"]
        cells = tried(search)
        everywhere = sum(len(seen) == choosing.DECIDED for seen in cells.values())
        assert len(cells) - (everywhere - choosing.FINALISTS) == records_search.BUDGET
        assert sorted(read.replicate) == list(range(halves.REPLICATES)) and not read.diverged.any()
        assert choosing.best(search) == {"lr": read.lr.iloc[0], "weight_decay": read.weight_decay.iloc[0]} and choosing.edges(search) == {}


def test_where_both_have_the_teacher_s_labels_nothing_else_differs():
    for labels in (halves.FEW, halves.ALL):
        pooled, both = records_pooled._pooled(labels, 2, 0), records_controls._both(labels, 2, 0)
        for mine, theirs, own in zip(pooled, both, halves.replicates(labels, "all", 2, 0), strict=True):
            assert len(mine.rows) == 2 * halves.HALF == len(set(mine.rows.tolist())) and mine.seed == theirs.seed == own.seed
            assert set(mine.rows[mine.labelled].tolist()) == set(theirs.rows.tolist())  # the same labels on both sides
            assert set(own.teacher_rows.tolist()) < set(theirs.rows.tolist())


@pytest.mark.parametrize("setting", records_pooled.SETTINGS + records_twice.SETTINGS, ids=str)
def test_longer_and_pooled_arms_are_tuned_as_their_models_are(found, rows, setting):
    labels, arm = setting["labels"], setting["arm"]
    mine, model = searched_rows(labels, arm, rows), (records_pooled.CHOOSES | records_twice.CHOOSES)[arm]
    cells, first = tried(mine), {tuple(c.items()) for stage in records_search.stages(model)[:1] for c in stage([])}
    everywhere = sum(len(seen) == choosing.DECIDED for seen in cells.values())
    assert len(cells) - (everywhere - choosing.FINALISTS) == records_search.BUDGET and choosing.edges(mine) == {}
    assert {frozenset(cell) for cell in first} <= {frozenset(cell) for cell in cells}
    read = found.rows[(found.rows.labels == labels) & (found.rows.arm == arm)]
    best = settings_of(labels, arm, rows)
    assert arm != records_twice.BESIDE or best["weight"] > 0
    assert sorted(read.replicate) == list(range(halves.REPLICATES)) and not read.diverged.any()
    assert all((read[name] == value).all() for name, value in best.items())
    np.testing.assert_allclose(found.right(labels, arm).mean(1), found.column(labels, arm, "accuracy"), atol=1e-6)


def test_what_is_said_to_be_distilled_has_a_teacher(rows):
    """Where the search preferred a weight of 0, the best setting with a teacher stands for the distilled arm."""
    ranked = choosing.ranked(searched_rows(halves.ALL, records_pooled.POOLED, rows), choosing.DECIDED)
    assert BESIDE_LABELS[halves.ALL] == next(cell for cell in ranked if cell["weight"] > 0)
    assert chosen(halves.FEW, records_pooled.POOLED, rows)["weight"] > 0
    assert chosen(halves.ALL, SOFT, rows)["weight"] > 0 and chosen(halves.FEW, SOFT, rows)["weight"] > 0
    twice = records_longer.with_teacher(searched_rows(halves.ALL, records_longer.SOFT_TWICE, rows))
    read = measured().rows[measured().rows.arm == records_longer.SOFT_TWICE]
    assert twice["weight"] > 0 and all((read[name] == value).all() for name, value in twice.items())


def test_rivals_of_twice_the_steps_have_the_settings_of_their_searches(rows):
    assert TWICE[halves.ALL] == chosen(halves.ALL, "alone, twice as long", rows)
    both = doubts().rows
    mine = both[(both.labels == halves.ALL) & (both.arm == records_controls.BOTH) & (both.part == "search")]
    assert BOTH_HALVES[halves.ALL] == choosing.best(mine.to_dict("records"))
    mine = searched_rows(halves.ALL, records_longer.SOFT_TWICE, rows)
    cells = tried(mine)
    everywhere = sum(len(seen) == choosing.DECIDED for seen in cells.values())
    assert len(cells) - (everywhere - choosing.FINALISTS) == records_search.BUDGET and choosing.edges(mine) == {}


def test_the_twin_that_keeps_its_gap_is_the_same_run(found):
    """Alone for twice the steps was read twice, once with what it says of its own digits: the answers are the same."""
    assert (found.right(halves.ALL, records_longer.ALONE_TWICE) == found.right(halves.ALL, "alone, twice as long")).all()
    for arm in (records_longer.SOFT_TWICE, records_longer.ALONE_TWICE):
        train, test = found.column(halves.ALL, arm, "train"), found.column(halves.ALL, arm, "accuracy")
        assert (train > test).all() and (train <= 1).all()


def test_longer_arms_are_as_long_as_their_names_say():
    assert {arm: WAYS[arm].steps for arm in LONGER} == {arm: records_pooled.LONGER[arm] for arm in LONGER}
    assert records_pooled.LONGER[records_pooled.ONLY_LONGER] == WAYS["distil longer"].steps == 1500
    assert {row["weight"] for labels in (halves.FEW, halves.ALL) for row in searched_rows(labels, records_pooled.ONLY_LONGER, searched())} == {1.0}


def test_arms_are_paired_where_they_see_the_same_images_in_the_same_order(found):
    """With 200 labels, an arm on the labelled images sees others than one on all images; with all labels every arm sees the same."""
    apart = {"alone", "label smoothing", "soft targets, labelled images"}
    for arm in found.arms(halves.FEW):
        orders = [halves.replicates(halves.FEW, seen, 1)[0].rows.tolist() for seen in ("labelled" if arm in apart else "all", "all")]
        assert found.in_order(halves.FEW, arm, SOFT) == (orders[0] == orders[1]) or arm == "alone, twice as long", arm
        assert "unpaired" not in found.gain(halves.ALL, arm, SOFT).method
    assert found.gain(halves.FEW, SOFT).method == "two-way, unpaired" == found.gap_closed(halves.FEW, SOFT).method
    assert found.gain(halves.FEW, "label smoothing").method == "two-way" == found.gain(halves.FEW, SOFT, "pseudo-labels").method
    assert found.gain(halves.FEW, "distil, then labels", SOFT).method == "two-way"  # it goes on from that very student


def test_doubts_are_held_against_the_same_replicates(found):
    doubted = doubts()
    d = doubted.against_both(halves.ALL)
    right = next(r for s, r in doubted.kept if s["arm"] == records_controls.BOTH and s["labels"] == halves.ALL)
    assert d.n == halves.REPLICATES and d.mean == pytest.approx((found.right(halves.ALL, SOFT) - right).mean())
    beside = doubted.with_both(halves.ALL)
    assert beside.n == halves.REPLICATES and beside.mean == pytest.approx((found.right(halves.ALL, records_longer.BESIDE) - right).mean())
    few = next(r for s, r in doubted.kept if s["arm"] == records_controls.BOTH and s["labels"] == halves.FEW)
    assert doubted.with_both_twice().mean == pytest.approx(
        (found.right(halves.ALL, records_twice.BESIDE) - found.right(halves.ALL, records_twice.BOTH)).mean())  # fmt: skip
    assert doubted.with_both(halves.FEW).mean == pytest.approx((found.right(halves.FEW, records_pooled.POOLED) - few).mean())
    apart, together = doubted.with_both(halves.FEW), doubted.with_both(halves.FEW, shared=True)
    assert apart.mean == together.mean and (apart.method, together.method) == ("two-way, unpaired", "two-way")
    assert len(doubted.against_next_best(halves.FEW)) == len(doubted.against_next_best(halves.ALL)) == 3
