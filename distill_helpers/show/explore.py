"""A picture that follows its controls: drawn by the kernel where there is one, stored with the notebook where there is none."""

import hashlib
import html
import io
import math
import os
import re
from itertools import product

from distill_helpers.checks import InputError, needed
from distill_helpers.show.controls import Choice, Slider, Steps, text_of, value_of, widget_for
from distill_helpers.show.figure import Picture

# margins are fixed and letters left to the browser, which halves the time of a redraw
FAST = {"figure.constrained_layout.use": False, "svg.fonttype": "none", "figure.subplot.left": 0.13, "figure.subplot.right": 0.97,
        "figure.subplot.bottom": 0.17, "figure.subplot.top": 0.9}  # fmt: skip
MOST_FRAMES = 60
MOST_BYTES = 1_500_000  # of all frames of one widget
# the slider's handle has no name of its own; the picture that cannot be loaded runs this line in each page that shows the widget
NAME_HANDLES = (
    "const name = left => { const box = this.closest('.widget-vbox'); if (box) for (const handle of box.querySelectorAll('.noUi-handle')) "
    "handle.setAttribute('aria-label', handle.closest('.widget-slider').querySelector('.widget-label').textContent); "
    "if (left) setTimeout(name, 400, left - 1); }; name(10)"
)

# JupyterLab marks each widget without a kernel by a broken chain; stored pictures move without one
CONNECTED = ("<style>.stored-pictures.jupyter-widgets-disconnected::before, .stored-pictures .jupyter-widgets-disconnected::before "
             "{ content: none !important; }</style>")  # fmt: skip


def explore(draw, alt: str = "", **controls):
    """A box of controls and the picture that ``draw(**values)`` returns: a matplotlib Figure, a Picture, or SVG as text.

    With one or two controls, of which one at least is a ``Steps`` and none a ``Slider``, the pictures of all values (60 at most) are stored
    with the notebook, so that it moves without a kernel too: there the pictures are drawn at once where nobody watches, and each when it
    is first looked at where somebody does. With a ``Slider``, or with menus alone, only the kernel draws.

    The picture's root carries ``data-<control>="<value>"`` and an ``aria-label`` with alt and the values. A mistake inside draw is shown in
    red in place of the picture; where nobody watches, the mistakes of stored pictures are raised. Returns an ipywidgets box: make it the
    last line of a cell. Raises InputError for other controls, for too many frames, and for frames of more than 1.5 MB together.
    """
    ipywidgets = needed("ipywidgets")
    if not controls:
        raise InputError("explore needs at least one Slider, Steps or Choice, but none was given.")
    for name, control in controls.items():
        if not isinstance(control, (Slider, Choice, Steps)):
            raise InputError(f"{name} must be a Slider, a Steps or a Choice, but {control!r} was given.")
    widgets = {name: widget_for(name, control) for name, control in controls.items()}
    if any(isinstance(control, Steps) for control in controls.values()):
        picture = _stored(draw, alt, controls, widgets)
    else:
        picture = _live(draw, alt, controls, widgets)
    naming = ipywidgets.HTML(f'{CONNECTED}<img hidden alt="" src="data:," onerror="{html.escape(NAME_HANDLES)}">')
    naming.layout.display = "none"
    box = ipywidgets.VBox([ipywidgets.HBox(list(widgets.values())), picture, naming])
    if any(isinstance(control, Steps) for control in controls.values()):
        box.add_class("stored-pictures")
    return box


def _live(draw, alt, controls, widgets):
    picture = needed("ipywidgets").HTML()

    def redraw(_=None):
        picture.value = render(draw, {name: value_of(widget, controls[name]) for name, widget in widgets.items()}, alt)

    for widget in widgets.values():
        widget.observe(redraw, names="value")
    redraw()
    return picture


def _stored(draw, alt, controls, widgets):
    """A stack of frames whose selected index is linked to the first control; for a second control, a stack of such stacks."""
    ipywidgets = needed("ipywidgets")
    options = {name: list(control.options) for name, control in controls.items()}
    _check_grid(controls, options)
    frames = {places: ipywidgets.HTML() for places in product(*map(range, map(len, options.values())))}

    def fill(places, strict=False):
        values = {name: options[name][place] for name, place in zip(options, places, strict=True)}
        frames[places].value = render(draw, values, alt, strict)

    def redraw(_=None):
        fill(tuple(widget.index for widget in widgets.values()))

    if os.environ.get("DISTILL_UNATTENDED"):
        for places in frames:
            fill(places, strict=True)
        _check_size(frames.values())
    else:
        redraw()
    for widget in widgets.values():
        widget.observe(redraw, names="index")
    first, *second = widgets.values()
    if not second:
        return _stack(list(frames.values()), first)
    rows = [[frame for places, frame in frames.items() if places[0] == place] for place in range(len(first.options))]
    return _stack([_stack(row, second[0]) for row in rows], first)


def _stack(children, control):
    ipywidgets = needed("ipywidgets")
    stack = ipywidgets.Stack(children, selected_index=control.index)
    ipywidgets.jslink((control, "index"), (stack, "selected_index"))
    return stack


def _check_grid(controls, options) -> None:
    for name, control in controls.items():
        if isinstance(control, Slider):
            raise InputError(f"{name} must be a Steps or a Choice beside a Steps, since a Slider has too many pictures to store, "
                             "but a Slider was given.")  # fmt: skip
    if len(controls) > 2:
        raise InputError(f"stored pictures take one or two controls, but {len(controls)} were given: {', '.join(controls)}.")
    count = math.prod(map(len, options.values()))
    if count > MOST_FRAMES:
        raise InputError(f"the controls must have at most {MOST_FRAMES} combinations of values, but they have {count}.")


def _check_size(frames) -> None:
    size = sum(len(frame.value) for frame in frames)
    if size > MOST_BYTES:
        raise InputError(f"the stored pictures must be at most {MOST_BYTES / 1e6:g} MB together, but they have {size / 1e6:.1f} MB: "
                         "list fewer values, or draw less in each (rasterized=True for many points).")  # fmt: skip


def render(draw, values: dict, alt: str = "", strict: bool = False) -> str:
    """The HTML of one state: the SVG with its values as data attributes, or the error in red (strict: raised)."""
    mpl = needed("matplotlib")
    try:
        with mpl.rc_context(FAST):
            drawn = draw(**values)
            if isinstance(drawn, Picture):
                alt, drawn = alt or drawn.alt, drawn.fig
            svg = drawn if isinstance(drawn, str) else _to_svg(drawn)
    except Exception as error:  # shown to the reader, who may be editing draw
        if strict:
            raise
        return f'<p style="color:#b00020">{html.escape(type(error).__name__)}: {html.escape(str(error))}</p>'
    data = " ".join(f'data-{name}="{html.escape(text_of(value))}"' for name, value in values.items())
    said = ", ".join(f"{name} {text_of(value)}" for name, value in values.items())
    label = html.escape(f"{alt} ({said})" if alt else said)
    start = svg.index("<svg")
    return f'<svg role="img" aria-label="{label}" {data}' + _own_ids(svg[start + 4 :], label)


def _own_ids(svg: str, label: str) -> str:
    """The same picture with names that no other picture in the page has: a reference would be taken to the first of that name, shown or not."""
    mark = "f" + hashlib.blake2b((label + svg).encode(), digest_size=4).hexdigest()
    return re.sub(r'(\bid="|href="#|url\(#)(?=[^"#)])', rf"\g<1>{mark}-", svg)


def _to_svg(fig) -> str:
    plt = needed("matplotlib.pyplot")
    buffer = io.StringIO()
    fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    plt.close(fig)
    return re.sub(r"\s*\n\s*", "\n", buffer.getvalue())
