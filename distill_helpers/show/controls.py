"""What a reader can move: a slider over a range, a slider over listed values, a menu."""

from dataclasses import dataclass
from numbers import Integral

from distill_helpers.checks import InputError, finite_number, needed, positive


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
    """A menu of a few named or numbered options, starting at value, by default the first.

    Raises InputError for no options, for options that equal each other or are None, and for a value that is not among them.
    """

    options: tuple
    value: object = None
    label: str = ""

    def __post_init__(self):
        _check_options("options", self)


@dataclass(frozen=True)
class Steps:
    """A slider over listed values, in the order given, starting at value, by default the first. Its pictures are stored with the notebook.

    Raises InputError for no values, for values that equal each other or are None, and for a start that is not among them.
    """

    options: tuple
    value: object = None
    label: str = ""

    def __post_init__(self):
        _check_options("values", self)


def _check_options(called: str, control) -> None:
    given = control.options
    options = list(given) if hasattr(given, "__iter__") and not isinstance(given, str) else []
    if not options or any(option is None or option in options[:place] for place, option in enumerate(options)):
        raise InputError(f"{called} must be a list of different values other than None, but {given!r} was given.")
    if control.value is None:
        object.__setattr__(control, "value", options[0])
    if control.value not in options:
        raise InputError(f"value must be one of {', '.join(map(repr, options))}, but {control.value!r} was given.")


def _fine_step(low, high, value):
    """1 for whole numbers, else a hundredth of the range, bent so that value is a whole number of steps above low."""
    if all(map(_is_whole, (low, high, value))):
        return 1
    step = (high - low) / 100
    return step if value == low else (value - low) / max(1, round((value - low) / step))


def _is_whole(number) -> bool:
    return isinstance(number, Integral)


def text_of(value) -> str:
    """How a value is shown, beside its control and in its picture."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def value_of(widget, control):
    """The control's value, without the noise of floating-point steps."""
    if not isinstance(control, Slider) or control.log or _whole(control):
        return widget.value
    return float(f"{widget.value:.12g}")


def widget_for(name: str, control):
    """The ipywidget of a control, labelled with its label or name."""
    ipywidgets = needed("ipywidgets")
    layout = {"layout": ipywidgets.Layout(width="330px"), "style": {"description_width": "110px"}}
    label = control.label or name
    if isinstance(control, Steps):
        options = [(text_of(option), option) for option in control.options]
        return ipywidgets.SelectionSlider(options=options, value=control.value, description=label, **layout)
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
