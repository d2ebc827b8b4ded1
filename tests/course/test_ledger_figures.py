"""The ledger's forest and its synthesis with no row, few rows and many: rows are judged from made-up measurements, as lessons do."""

import numpy as np
import pytest

from distill_helpers.course import ledger
from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.lessons.the_verdicts import figures
from distill_helpers.course.store import read_rows
from distill_helpers.course.verdicts import claim
from distill_helpers.measure.formatting import UNITS
from distill_helpers.measure.statistics import interval
from distill_helpers.show import layout_faults, style

FEW = ("C02", "C04", "C05")  # the claims of lesson 07


@pytest.fixture
def folder(tmp_path, monkeypatch):
    plt = pytest.importorskip("matplotlib.pyplot")
    style()
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path))
    yield tmp_path
    plt.close("all")


def judge(claims):
    """Judge all parts of these claims on made-up measurements that spread from -3 to 12 times m."""
    rng = np.random.default_rng(0)

    def one(reading):
        if reading.kind == "exact":
            return True
        size = (reading.m or 0.5) / UNITS[reading.unit][0]
        return interval(size * (rng.uniform(-3, 12) + rng.normal(size=8)))

    for each in claims:
        for part in CLAIMS[each].parts:
            given = {key: {member: one(r) for member in r.members} if r.members else one(r) for key, r in part.readings.items()}
            claim(each, part.name, lesson=part.home).judge(given)


@pytest.mark.parametrize(("claims", "least"), [((), 0), (FEW, 1), (tuple(CLAIMS), 4)], ids=["zero", "few", "many"])
def test_the_forest_is_drawn_with_any_number_of_rows(folder, claims, least, capsys):
    judge(claims)
    with_m = sum(len(r["members"]) for row in read_rows(folder, "verdicts") for r in row["readings"] if r["m"])
    rows = ledger.forest_rows(folder)
    assert len(rows) == with_m and len({row.name for row in rows}) == with_m
    found = figures.pictures(folder)
    assert len(found) >= least and sum(len(p.fig.axes[0].get_yticks()) for p in found) == with_m
    for picture in found:
        ax = picture.fig.axes[0]
        assert 1 <= len(ax.get_yticks()) <= figures.ROWS and ax.get_xlim() == (-figures.LIMIT, figures.LIMIT)
        assert not layout_faults(picture.fig)
        for label in ax.get_yticklabels():
            assert " ".join(label.get_text().split()) in picture.alt
    capsys.readouterr()
    figures.readings(folder)
    assert (figures.NONE in capsys.readouterr().out) == (not claims)


def test_a_claim_is_divided_only_where_it_fits_no_figure(folder):
    judge(tuple(CLAIMS))
    panels = [[label.get_text().split()[0].rstrip(":") for label in p.fig.axes[0].get_yticklabels()] for p in figures.pictures(folder)]
    for before, after in zip(panels, panels[1:], strict=False):
        shared = set(before) & set(after)
        assert all(sum(panel.count(one) for panel in panels) > figures.ROWS for one in shared)


def test_what_lies_beyond_the_axis_is_an_arrow(folder):
    row = {"claim": "C02", "edition": 2, "part": "", "lesson": "soft_targets", "readings": [
        {"key": "far", "m": 0.5, "members": [{"member": "", "word": "yes", "numbers": {"mean": 30.0, "low": 29.0, "high": 31.0}}]}]}  # fmt: skip
    from distill_helpers.course.store import replace_verdict

    replace_verdict(folder, row)
    (picture,) = figures.pictures(folder)
    marks = [line.get_marker() for line in picture.fig.axes[0].lines]
    assert ">" in marks and "<" not in marks


@pytest.mark.parametrize("claims", [(), FEW, tuple(CLAIMS)], ids=["zero", "few", "many"])
def test_the_synthesis_counts_what_is_there(folder, claims):
    judge(claims)
    said = ledger.synthesis(folder)
    parts = sum(len(CLAIMS[each].parts) for each in claims)
    assert f"{parts} verdicts of the second edition" in said and "0 verdicts of the first edition" in said
    table = ledger.ledger(folder)
    untested = table[table.verdict == ledger.UNTESTED]
    assert f"{untested.claim.nunique()} claims have something that is not yet tested" in said
    fragile = int(table.firmness.str.startswith("fragile").sum())
    assert f"{fragile} verdicts of the second edition are fragile" in said
