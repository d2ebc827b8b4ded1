"""Sliders beside an inline SVG: a widget that redraws in milliseconds and compares cleanly when nobody watches."""

import html
import io
from dataclasses import dataclass
from numbers import Integral

from distill_helpers.checks import InputError, finite_number, needed, positive

# margins are fixed and letters left to the browser, which halves the time of a redraw
FAST = {"figure.constrained_layout.use": False, "svg.fonttype": "none", "figure.subplot.left": 0.13, "figure.subplot.right": 0.97,
        "figure.subplot.bottom": 0.17, "figure.subplot.top": 0.9}  # fmt: skip


@dataclass(frozen=True)
class Slider:
    """A range of numbers: from low to high by step, starting at value.

    step: 1 where low, high and value are whole numbers, else about a hundredth of the range; value is a whole number of steps above low.
    log: evenly spaced powers, low > 0; whole numbers where low, high, value and step are. label: shown in place of the name.
    Raises InputError for a value that the slider cannot start at.
    """

    low: float
    high: float
    value: float
    step: float | None = None
    log: bool = False
    label: str = ""

    def __post_init__(self):
        for name in ("low", "high", "value"):
            finite_number(name, getattr(self, name))
        if not self.low < self.high:
            raise InputError(f"high must be greater than low={self.low}, but {self.high!r} was given.")
        if not self.low <= self.value <= self.high:
            raise InputError(f"value must be from low={self.low} to high={self.high}, but {self.value!r} was given.")
        if self.step is None:
            object.__setattr__(self, "step", _fine_step(self.low, self.high, self.value))
        positive("step", self.step)
        if self.log:
            positive("low", self.low)
            return
        steps = (self.value - self.low) / self.step
        if abs(steps - round(steps)) > 1e-6:
            raise InputError(f"value must be low={self.low} and a whole number of steps of {self.step:g}, but {self.value!r} was given.")


@dataclass(frozen=True)
class Choice:
    """One of a few named or numbered options, starting at value, by default the first.

    Raises InputError for no options, for options that equal each other or are None, and for a value that is not among them.
    """

    options: tuple
    value: object = None
    label: str = ""

    def __post_init__(self):
        options = list(self.options) if hasattr(self.options, "__iter__") and not isinstance(self.options, str) else []
        if not options or any(option is None or option in options[:place] for place, option in enumerate(options)):
            raise InputError(f"options must be a list of different values other than None, but {self.options!r} was given.")
        if self.value is None:
            object.__setattr__(self, "value", options[0])
        if self.value not in options:
            raise InputError(f"value must be one of {', '.join(map(repr, options))}, but {self.value!r} was given.")


def _fine_step(low, high, value):
    """1 for whole numbers, else a hundredth of the range, bent so that value is a whole number of steps above low."""
    if all(map(_is_whole, (low, high, value))):
        return 1
    step = (high - low) / 100
    return step if value == low else (value - low) / max(1, round((value - low) / step))


def _is_whole(number) -> bool:
    return isinstance(number, Integral)


def explore(draw, alt: str = "", **controls):
    """A box of controls and the picture that ``draw(**values)`` returns: a matplotlib Figure, or SVG as text.

    The picture's root carries ``data-<control>="<value>"`` for each control. A mistake inside draw is shown in red in place
    of the picture. Returns an ipywidgets box: make it the last line of a cell.
    """
    ipywidgets = needed("ipywidgets")
    if not controls:
        raise InputError("explore needs at least one Slider or Choice, but none was given.")
    for name, control in controls.items():
        if not isinstance(control, (Slider, Choice)):
            raise InputError(f"{name} must be a Slider or a Choice, but {control!r} was given.")
    widgets = {name: _widget(name, control) for name, control in controls.items()}
    picture = ipywidgets.HTML()

    def redraw(_=None):
        values = {name: _value(widget, controls[name]) for name, widget in widgets.items()}
        picture.value = render(draw, values, alt)

    for widget in widgets.values():
        widget.observe(redraw, names="value")
    redraw()
    return ipywidgets.VBox([ipywidgets.HBox(list(widgets.values())), picture])


def render(draw, values: dict, alt: str = "") -> str:
    """The HTML of one state: the SVG with its values as data attributes, or the error in red."""
    mpl = needed("matplotlib")
    try:
        with mpl.rc_context(FAST):
            svg = draw(**values)
            svg = svg if isinstance(svg, str) else _to_svg(svg)
    except Exception as error:  # shown to the reader, who may be editing draw
        return f'<p style="color:#b00020">{html.escape(type(error).__name__)}: {html.escape(str(error))}</p>'
    data = " ".join(f'data-{name}="{html.escape(_text(value))}"' for name, value in values.items())
    said = ", ".join(f"{name} {_text(value)}" for name, value in values.items())
    label = html.escape(f"{alt} ({said})" if alt else said)
    start = svg.index("<svg")
    return f'<svg role="img" aria-label="{label}" {data}' + svg[start + 4 :]


def _text(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _value(widget, control):
    """The control's value, without the noise of floating-point steps."""
    if isinstance(control, Choice) or control.log or _whole(control):
        return widget.value
    return float(f"{widget.value:.12g}")


def _widget(name: str, control):
    ipywidgets = needed("ipywidgets")
    layout = {"layout": ipywidgets.Layout(width="330px"), "style": {"description_width": "110px"}}
    label = control.label or name
    if isinstance(control, Choice):
        return ipywidgets.Dropdown(options=list(control.options), value=control.value, description=label, **layout)
    if control.log:
        return ipywidgets.SelectionSlider(options=_powers(control), value=control.value, description=label, **layout)
    kind = ipywidgets.IntSlider if _whole(control) else ipywidgets.FloatSlider
    return kind(value=control.value, min=control.low, max=control.high, step=control.step, description=label, **layout)


def _powers(control: Slider, count: int = 80) -> list:
    """Evenly spaced in the logarithm from low to high, with the start value among them; whole where low and step are."""
    ratio = control.high / control.low
    values = [control.low * ratio ** (i / (count - 1)) for i in range(count)]
    values = [round(v) for v in values] if _whole(control) else [float(f"{v:.3g}") for v in values]
    return sorted({*values, control.low, control.high, control.value})


def _whole(control: Slider) -> bool:
    return all(map(_is_whole, (control.low, control.high, control.value, control.step)))


def _to_svg(fig) -> str:
    plt = needed("matplotlib.pyplot")
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(fig)
    return buffer.getvalue()
