"""The page's figures, tables, samples and curves: what is in sight, what is said of it, and what is refused."""

import re
from itertools import combinations
from types import SimpleNamespace

import matplotlib.colors as colors
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch

from distill_helpers import show
from distill_helpers.checks import InputError
from distill_helpers.measure import interval
from distill_helpers.show.figure import forget_numbers

ALT = "A line that rises from one to two"
CAPTION = "The line rises; look at its right end."


@pytest.fixture
def shown(monkeypatch):
    """What is displayed, in order; captions are counted from one."""
    caught = []
    forget_numbers()
    monkeypatch.setattr("IPython.display.display", lambda data, **rest: caught.append(data | rest.get("metadata", {}).get("image/png", {})))
    yield caught
    forget_numbers()
    plt.close("all")


def line():
    fig, ax = plt.subplots()
    ax.plot([1, 2])
    return fig


def test_captions_stand_under_the_figure_and_are_numbered(shown):
    show.figure(line(), ALT, CAPTION)
    show.figure(line(), ALT)
    show.figure(line(), ALT, "Another line; see where it bends.")
    show.figure(line(), ALT, CAPTION)  # the cell is run again
    picture, words = "image/png", "text/markdown"
    assert [list(data)[0] for data in shown] == [picture, words, picture, picture, words, picture, words]
    said = [data["text/markdown"] for data in shown if "text/markdown" in data]
    assert said == [f"**Figure 1.** {CAPTION}", "**Figure 2.** Another line; see where it bends.", f"**Figure 1.** {CAPTION}"]
    with pytest.raises(InputError, match="caption must say in words what to see"):
        show.figure(line(), ALT, "A line.")
    assert len(shown) == 7  # what is refused shows nothing


def test_a_function_of_figures_shows_itself_in_one_line(shown):
    @show.on_page
    def rising(end):
        fig, ax = plt.subplots()
        ax.plot([1, end])
        return show.Picture(fig, f"A line that rises from 1 to {end}", CAPTION)

    assert rising(3) is None and shown[0]["alt"] == "A line that rises from 1 to 3" and shown[1]["text/markdown"].endswith(CAPTION)
    assert rising.picture(4).alt.endswith("4") and rising.__name__ == "rising" and len(shown) == 2
    assert 'aria-label="A line that rises from 1 to 5 (end 5)"' in show.render(rising.picture, {"end": 5})
    with pytest.raises(InputError, match="bare must return a Picture or a Drawing, but it returned Figure"):
        show.on_page(bare)()
    for alt, caption, said in (("a line", CAPTION, "alt must"), (ALT, "", "caption must")):
        with pytest.raises(InputError, match=said):
            show.Picture(line(), alt, caption)


def bare():
    return line()


def test_lines_can_be_told_apart_in_grey():
    looks = show.looks(32)
    assert len({tuple(look.values()) for look in looks}) == 32
    for a, b in combinations(looks[:8], 2):
        grey = [np.dot(colors.to_rgb(look["color"]), (0.299, 0.587, 0.114)) for look in (a, b)]
        assert a["linestyle"] != b["linestyle"] or a["marker"] != b["marker"] or abs(grey[0] - grey[1]) > 0.2
        assert a["marker"] != b["marker"]
    with pytest.raises(InputError, match="at most 32"):
        show.looks(33)
    with plt.rc_context():
        show.style()
        cycle = list(plt.rcParams["axes.prop_cycle"])
    assert len({(c["color"], c["linestyle"]) for c in cycle}) == 8
    assert all(a["linestyle"] != b["linestyle"] for a, b in zip(cycle, cycle[1:], strict=False))


def test_overlapping_and_cut_off_texts_are_found():
    with plt.rc_context({"figure.constrained_layout.use": True}):
        fig, ax = plt.subplots(figsize=(5, 3))
        ax.plot([0, 1], [0, 1])
        ax.set(xlabel="step", ylabel="loss", title="All is well", xlim=(0.1, 0.9))
        assert show.layout_faults(fig) == []
        ax.text(0.5, 0.5, "first")
        second = ax.text(0.52, 0.51, "second")
        assert show.layout_faults(fig) == ["'first' and 'second' overlap"]
        second.set_position((0.3, 0.8))
        fig.text(0.97, 0.5, "far too long for here")
        assert show.layout_faults(fig) == ["'far too long for here' is cut off at the edge of the figure"]
        fig.texts[0].set_visible(False)
        ax.set_xticks(np.linspace(0.1, 0.9, 9), ["a long label"] * 9)
        assert len(show.layout_faults(fig)) == 8
    plt.close("all")


def test_a_long_table_shows_a_page_and_hides_the_rest():
    frame = pd.DataFrame({f"c{i}": np.arange(20.0) + i for i in range(9)})
    found = show.table(frame, "Many", {"c0": "{:.1f}", "c8": "{:.2f}"})
    seen, hidden = found.to_html().split("<details>")
    assert seen.count("<tr") == 13 and seen.count("<th ") == 7 and "<caption>Many</caption>" in seen
    assert hidden.count("<tr") == 21 and hidden.count("<th ") == 9 and "show all: 20 rows, 9 columns" in hidden and "27.00" in hidden
    assert found.frame is frame and found._repr_html_() == found.to_html() and repr(found) == "<table of 20 rows and 9 columns>"
    for fits in (frame.iloc[:12, :7], frame.iloc[:1, :1]):
        assert "<details>" not in show.table(fits).to_html()
    for long in (frame.iloc[:13, :7], frame.iloc[:12, :8]):
        assert "<details>" in show.table(long).to_html()


def test_tables_are_the_same_every_time_and_their_looks_their_own():
    numbers, words = pd.DataFrame({"a": [1, 2], "b": [0.123456789, 10000.4]}), pd.DataFrame({"a": ["x"], "b": ["y"]})
    assert show.table(numbers, "T").to_html() == show.table(numbers.copy(), "T").to_html()
    assert re.findall(r'id="(\w+)"', show.table(numbers).to_html()) != re.findall(r'id="(\w+)"', show.table(words).to_html())
    right = lambda frame: "text-align: right" in show.table(frame).to_html()
    assert right(numbers) and not right(words)
    assert "0.1235" in show.table(numbers).to_html() and "1e+04" in show.table(numbers).to_html()
    assert "0.1</td>" in show.table(numbers, "", 1).to_html()
    assert show.table([{"a": 1, "b": 0.123456789}, {"a": 2, "b": 10000.4}]).to_html() == show.table(numbers).to_html()
    for wrong, said in ((("abc",), "frame must be a DataFrame"), ((numbers, "", {"d": "{}"}), "formats must name columns of the table, but d")):
        with pytest.raises(InputError, match=said):
            show.table(*wrong)


def test_samples_are_shown_as_they_are():
    grey = torch.arange(4 * 9, dtype=torch.uint8).view(4, 1, 3, 3)
    fig = show.samples(grey, labels=["a", "b", "c", "d"], right=[True, False, True, True], columns=3)
    assert [ax.get_xlabel() for ax in fig.axes] == ["a", "b", "c", "d", "", ""]
    assert np.allclose(fig.axes[1].images[0].get_array(), grey[1, 0] / 255) and fig.axes[1].images[0].get_clim() == (0, 1)
    edges = [(ax.spines["top"].get_edgecolor(), ax.spines["top"].get_linestyle()) for ax in fig.axes[:4]]
    assert edges[0] == edges[2] == edges[3] and edges[0][0] != edges[1][0] and edges[0][1] != edges[1][1]
    assert show.samples(torch.rand(2, 3, 5, 5)).axes[0].images[0].get_array().shape == (5, 5, 3)
    two = torch.rand(1, 2, 4, 4)
    assert np.allclose(show.samples(two).axes[0].images[0].get_array(), two[0].mean(0))
    wide = show.samples(torch.tensor([[[-1.0, 3.0]]]))
    assert np.allclose(wide.axes[0].images[0].get_array(), [[0, 1]])
    assert np.allclose(show.samples(torch.full((1, 2, 2), 7.0)).axes[0].images[0].get_array().shape, (2, 2))
    for wrong, said in (((torch.rand(0, 1, 2, 2),), "images must hold"), ((torch.rand(2, 2),), "images must have the shape"),
                        ((torch.full((1, 2, 2), torch.nan),), "finite"), ((torch.rand(2, 2, 2), ["a"]), "labels must be one for each of the 2"),
                        ((torch.rand(2, 2, 2), None, [True]), "right must be one for each")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            show.samples(*wrong)
    plt.close("all")


def test_views_and_errors_are_picked_from_what_is_there(toy_images):
    from distill_helpers.data import make_views

    pool = make_views(toy_images, views=4, shift=1)
    fig = show.views_grid(pool, [3, 7], views=3)
    assert [ax.get_xlabel() for ax in fig.axes] == ["3, view 0", "3, view 1", "3, view 2", "7, view 0", "7, view 1", "7, view 2"]
    expected = pool.inputs(torch.tensor([2]), torch.tensor([7]))[0, 0]
    picture = np.asarray(fig.axes[5].images[0].get_array())
    assert np.corrcoef(picture.ravel(), expected.numpy().ravel())[0, 1] > 0.999
    with pytest.raises(InputError, match="views must be at most 4"):
        show.views_grid(pool, [0], views=5)
    fig = show.errors(toy_images.images, [0, 1, 2, 3] * 10, [0, 1, 2, 0] * 10, names="ABCD", most=2)
    assert [ax.get_xlabel() for ax in fig.axes] == ["D, not A", "D, not A"]
    assert np.allclose(fig.axes[1].images[0].get_array(), toy_images.images[7, 0] / 255)
    with pytest.raises(InputError, match="every answer is right"):
        show.errors(toy_images.images, [0] * 40, [0] * 40)
    plt.close("all")


def test_a_curve_is_the_mean_in_its_interval():
    values = np.array([[1.0, 3.0, 5.0], [2.0, 2.0, 5.0], [1.0, np.nan, 2.0], [4.0, np.nan, np.nan]])
    ax = show.curves({"arm": (np.arange(4), values), "other": (np.arange(4), values + 1)}, unit="loss")
    assert np.allclose(ax.lines[0].get_ydata(), [3, 3, 1.5, 4]) and ax.get_ylabel() == "loss"
    known = interval(values[0])
    middle, low, high = show.band(values)
    assert (low[0], high[0]) == (known.low, known.high) and np.isnan(low[3]) and np.isnan(high[3]) and middle[3] == 4
    corners = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert corners.min() == pytest.approx(np.nanmin(low)) and corners.max() == pytest.approx(np.nanmax(high))
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()
    plt.close("all")


def test_curves_take_runs_and_watchers_and_say_what_they_lack():
    run = SimpleNamespace(history={"soft": torch.ones(400, 2), "hard": torch.full((400, 2), 2.0)})
    ax = show.curves({"sum": run})
    assert set(ax.lines[0].get_ydata()) == {3.0} and len(ax.lines[0].get_xdata()) == 80 and ax.lines[0].get_xdata()[-1] == 400
    assert set(show.curves({"soft": run}, "soft").lines[0].get_ydata()) == {1.0}
    rows = [{"step": s, "seed": seed, "name": "", "accuracy": s / 10 + seed} for s in (5, 10) for seed in (0, 1)]
    for given in (rows, SimpleNamespace(rows=rows)):
        assert np.allclose(show.curves({"watched": given}).lines[0].get_ydata(), [1.0, 1.5])
    for arms, term, said in (({}, None, "at least one run"), ({"a": run}, "mild", "term must be one of 'soft', 'hard' for a"),
                             ({"a": rows}, "loss", "term must be one of 'accuracy' for a"), ({"a": 3}, None, "a must be a Run, a Curve"),
                             ({"a": ([1], [1.0])}, None, "a must be .steps")):  # fmt: skip
        with pytest.raises(InputError, match=said):
            show.curves(arms, term)
    plt.close("all")


def test_stretches_of_a_history_keep_its_mean():
    steps, values = show.thinned(np.arange(1, 1001), np.random.default_rng(0).normal(size=(1000, 3)), points=50)
    assert len(steps) == 50 and steps[-1] == 1000
    original = np.random.default_rng(0).normal(size=(1000, 3))
    assert np.allclose(values[0], original[:20].mean(0)) and np.allclose(values.mean(0), original.mean(0))
