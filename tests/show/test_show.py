"""What readers see: figures with alt text, widgets that follow their sliders in time, plots that draw the numbers given."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from clock import processor_seconds
from IPython.core.formatters import DisplayFormatter
from IPython.utils.capture import capture_output

from distill_helpers import show
from distill_helpers.checks import InputError
from distill_helpers.course import sync
from distill_helpers.measure import paired

SVG = "<svg width='10'><text>{}</text></svg>"


def test_a_figure_carries_its_alt_text(monkeypatch):
    caught = []
    monkeypatch.setattr("IPython.display.display", lambda data, **rest: caught.append((data, rest)))
    fig, ax = plt.subplots()
    ax.plot([1, 2])
    show.figure(fig, alt="A line that rises from one to two")
    ((data, rest),) = caught
    assert data["image/png"].startswith(b"\x89PNG") and rest["metadata"]["image/png"]["alt"] == "A line that rises from one to two"
    assert not plt.fignum_exists(fig.number)
    for alt in ("", "plot", None):
        with pytest.raises(InputError, match="alt must say in words"):
            show.figure(fig, alt=alt)
    assert DisplayFormatter and capture_output


def test_the_picture_mirrors_every_control():
    box = show.explore(lambda width, kind: SVG.format(f"{kind} {width}"), alt="A word", width=show.Slider(1, 9, 3), kind=show.Choice(("a", "b")))
    slider, menu = box.children[0].children
    picture = box.children[1]
    assert 'data-width="3"' in picture.value and 'data-kind="a"' in picture.value and "a 3" in picture.value
    slider.value, menu.value = 7, "b"
    assert 'data-width="7"' in picture.value and 'data-kind="b"' in picture.value and "b 7" in picture.value
    assert 'role="img"' in picture.value and 'aria-label="A word (width 7, kind b)"' in picture.value


def test_a_mistake_in_draw_is_shown_not_lost():
    box = show.explore(lambda x: SVG.format(1 / x), x=show.Slider(0, 3, 1))
    box.children[0].children[0].value = 0
    assert "ZeroDivisionError" in box.children[1].value and "#b00020" in box.children[1].value
    box.children[0].children[0].value = 2
    assert "0.5" in box.children[1].value


def test_sliders_give_whole_numbers_floats_and_powers():
    seen = {}

    def draw(**values):
        seen.update(values)
        return SVG.format("")

    show.explore(draw, a=show.Slider(1, 4096, 64, log=True), b=show.Slider(0.5, 2.0, 1.0, step=0.1), c=show.Slider(1, 5, 2),
                 d=show.Slider(0.01, 10.0, 0.1, log=True))  # fmt: skip
    assert seen == {"a": 64, "b": 1.0, "c": 2, "d": 0.1}
    assert [type(v) for v in seen.values()] == [int, float, int, float]
    with pytest.raises(InputError, match="value must be from low=1"):
        show.Slider(1, 4, 9)
    with pytest.raises(InputError, match="at least one Slider"):
        show.explore(draw)


def starts_at(control):
    """What draw is given first, by the widget itself."""
    seen = {}

    def draw(**values):
        seen.update(values)
        return SVG.format("")

    show.explore(draw, a=control)
    return seen["a"]


@pytest.mark.parametrize("control", [
    show.Slider(0, 1, 0.5), show.Slider(0, 1, 1), show.Slider(0, 1.5, 1), show.Slider(0, 10, 7.5, step=2.5), show.Slider(1, 4, 2.5, log=True),
    show.Slider(np.int64(1), np.int64(9), np.int64(4)), show.Slider(0.0, 2e6, 1234567.0, step=1.0), show.Slider(-3, 3, 0),
    show.Choice((5, 0), 0), show.Choice(("a", ""), ""), show.Choice((0.5, 0.0), 0.0), show.Choice([3, 2, 1], 1),
], ids=repr)  # fmt: skip
def test_a_control_starts_where_it_was_told(control):
    assert starts_at(control) == control.value


def test_a_choice_without_a_value_starts_at_its_first():
    assert starts_at(show.Choice((0, 5))) == 0 and starts_at(show.Choice(("b", "a"))) == "b"


@pytest.mark.parametrize(("build", "said"), [
    (lambda: show.Slider(0, 10, 5, step=3), "value must be low=0 and a whole number of steps of 3"),
    (lambda: show.Slider(0.0, 1.0, 0.55, step=0.1), "value must be low=0.0 and a whole number of steps"),
    (lambda: show.Slider(3, 3, 3), "high must be greater than low"), (lambda: show.Slider(0, 1, float("nan")), "value must be finite"),
    (lambda: show.Slider(0, 1, "0"), "value must be a number"), (lambda: show.Slider(0, 1, 0, step=0), "step must be greater than 0"),
    (lambda: show.Slider(0, 10, 1, log=True), "low must be greater than 0"), (lambda: show.Choice(()), "options must be"),
    (lambda: show.Choice("ab"), "options must be"), (lambda: show.Choice((1, True), True), "different values"),
    (lambda: show.Choice((None, 1)), "other than None"), (lambda: show.Choice(("a", "b"), "c"), "value must be one of 'a', 'b'"),
    (lambda: show.explore(SVG.format, a=3), "a must be a Slider, a Steps or a Choice"),
])  # fmt: skip
def test_a_control_that_cannot_start_there_says_so(build, said):
    with pytest.raises(InputError, match=said):
        build()


def test_a_grid_of_images_takes_any_titles_and_counts_them():
    images = np.zeros((3, 1, 4, 4))
    assert [ax.get_title() for ax in show.image_grid(images, np.array(["a", "b", "c"]), columns=3).axes] == ["a", "b", "c"]
    for wrong, said in (({"titles": ["a"]}, "one for each of the 3 images"), ({"columns": 0}, "columns")):
        with pytest.raises(InputError, match=said):
            show.image_grid(images, **wrong)
    with pytest.raises(InputError, match="images"):
        show.image_grid([])
    plt.close("all")


def drawing(stem, name, *needed):
    """The function ``name`` of a notebook's source, with the imports of its set-up cell and the first cells that hold ``needed``."""
    (source,) = sync.sources([stem[:2]])
    cells = [c.source for c in sync.from_source(source).cells if c.cell_type == "code"]
    space = {}
    exec(cells[0].replace("dh.start(seed=0)", ""), space)
    for text in (*needed, f"def {name}("):
        exec(next(c for c in cells if text in c), space)
    return space[name]


def plain_picture():
    fig, ax = plt.subplots()
    ax.plot([1, 2], [3, 4])
    return fig


def times_a_plain_picture(draw, states) -> float:
    """Processor time of the quickest state, as a multiple of a picture of one line; 100 ms where that takes 20."""
    show.style()
    show.render(draw, states[0])
    drawn = min(processor_seconds(lambda state=state: show.render(draw, state), 1) for state in states)
    return drawn / processor_seconds(lambda: show.render(plain_picture, {}))


def test_a_real_picture_costs_a_few_plain_ones():
    draw = drawing("01", "draw_counts")
    assert times_a_plain_picture(draw, [{"width": width, "depth": 3} for width in (64, 10, 100, 1000, 4096, 50)]) < 5
    assert 'data-width="64"' in show.render(draw, {"width": 64, "depth": 3})


def test_a_net_of_forty_layers_is_probed_and_drawn_for_a_few_plain_ones():
    draw = drawing("03", "draw_norms", "digits = dh.load_digits()", "def deep_net(")
    states = [{"depth": 40, "gain": gain, "activation": "tanh"} for gain in (0.5, 1.0, 1.5, 2.0, 3.0, 1.0)]
    assert times_a_plain_picture(draw, states) < 6
    assert 'data-gain="1.5"' in show.render(draw, states[2])


def test_a_slow_picture_is_noticed():
    def slow(x):
        for _ in range(8):
            show.render(plain_picture, {})
        return plain_picture()

    assert times_a_plain_picture(slow, [{"x": 1}, {"x": 2}]) > 6


def test_the_same_state_gives_the_same_picture():
    draw = drawing("01", "draw_counts")
    show.style()
    assert show.render(draw, {"width": 7, "depth": 3}) == show.render(draw, {"width": 7, "depth": 3})
    assert show.render(draw, {"width": 7, "depth": 3}) != show.render(draw, {"width": 8, "depth": 3})


def test_plots_draw_the_numbers_they_are_given():
    gains = {"up": paired(np.array([1.0, 2, 3]), np.zeros(3)), "down": paired(-np.array([1.0, 2, 3]), np.zeros(3))}
    ax = show.gains_plot(gains, unit="points", margin=0.5)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["up", "down"]
    drawn = [list(line.get_xdata()) for line in ax.lines]
    assert [1.0, 2.0, 3.0] in drawn and [-2.0] in drawn and [0.5, 0.5] in drawn
    ax = show.seeds_plot({"a": [1, 2, 3], "b": [4, 4, 5]}, unit="share")
    assert [4, 4, 5] in [list(line.get_xdata()) for line in ax.lines] and ax.get_xlabel() == "share"
    ax = show.heat_map([[0.1, 0.2], [0.3, 0.4]], ["r", "s"], [1.0, 2.0], unit="u", mark=(1, 0), fmt="{:.1f}")
    assert [t.get_text() for t in ax.texts] == ["0.1", "0.2", "0.3", "0.4"] and ax.patches[0].get_xy() == (-0.5, 0.5)
    table = {"confidence": np.array([0.2, 0.9]), "accuracy": np.array([0.1, 0.8]), "share": np.array([0.0, 1.0])}
    ax = show.reliability_plot({"m": table})
    assert list(ax.lines[1].get_xdata()) == [0.9]  # an empty bin is not drawn
    plt.close("all")
