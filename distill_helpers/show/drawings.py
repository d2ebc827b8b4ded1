"""Drawings of what flows where: data, nets to scale with their parameters, where each loss attaches, who is frozen."""

import html
from dataclasses import dataclass
from typing import Any

from distill_helpers.checks import InputError, whole
from distill_helpers.counting import measured_parameters
from distill_helpers.show.figure import check_words
from distill_helpers.show.flow_layout import Layout

INK, GREY, BLUE = "#1b1b1b", "#5c5c5c", "#0072B2"


@dataclass(frozen=True)
class Data:
    """What goes in: images, labels, noise. note: a line beneath its name."""

    note: str = ""


@dataclass(frozen=True)
class Net:
    """A net, drawn as a square whose area is its number of parameters, cut into its layers where a module is given.

    net: a module, or a number of parameters. frozen: nothing in it is trained. note: a line beneath its counts.
    """

    net: Any
    frozen: bool = False
    note: str = ""

    def __post_init__(self):
        if not hasattr(self.net, "parameters"):
            whole("net", self.net, 0)

    @property
    def parameters(self) -> int:
        return measured_parameters(self.net) if hasattr(self.net, "parameters") else int(self.net)

    @property
    def layers(self) -> list[int]:
        """Parameters of each layer that has any, in order; tied ones count once."""
        if not hasattr(self.net, "parameters"):
            return [self.parameters]
        seen, counts = set(), []
        for module in self.net.modules():
            own = [p for p in module.parameters(recurse=False) if id(p) not in seen]
            seen |= {id(p) for p in own}
            counts.append(sum(p.numel() for p in own))
        return [count for count in counts if count]


@dataclass(frozen=True)
class Loss:
    """A term that is minimised, or a number that is looked at. formula: as plain text."""

    formula: str = ""


@dataclass(frozen=True)
class Arrow:
    """From one part to another. label: what travels. gradient: whether a gradient comes back; by default where something trained lies behind."""

    start: str
    end: str
    label: str = ""
    gradient: bool | None = None


@dataclass(frozen=True)
class Drawing:
    """An SVG with its alt text and caption, which ``figure`` shows."""

    svg: str
    alt: str
    caption: str


def drawing(title: str, parts: dict, arrows, caption: str) -> Drawing:
    """A drawing of parts from left to right, with arrows between them.

    parts: {name: Data, Net or Loss}, in each column from the top; the columns follow from the arrows. arrows: Arrows, or tuples of their fields;
    they must not run in a circle. Solid arrows carry a gradient back, dashed ones carry values only. The SVG stands on a white card of its
    own, so it reads the same on a dark page; it has a title, and a description that lists all parts, counts and arrows.
    Raises InputError for other parts, an arrow to a part that is not there, a circle of arrows, and a caption that says nothing.
    """
    check_words("title", title, 1, "must name what is drawn")
    check_words("caption", caption, 6, "must say in words what to see in the drawing")
    arrows = _checked(parts, arrows)
    flows = _gradients(parts, arrows)
    about = describe(parts, arrows, flows)
    layout = Layout(parts, arrows, _legend(parts, flows))
    return Drawing(_svg(title, about, parts, arrows, flows, layout), f"{title}. {about}", caption)


def describe(parts: dict, arrows, flows) -> str:
    """All parts and arrows in words."""
    said = [f"{name}: {part.parameters:,} parameters, {'frozen' if part.frozen else 'trained'}."
            for name, part in parts.items() if isinstance(part, Net)]  # fmt: skip
    said += [f"{name}: {part.formula}." for name, part in parts.items() if isinstance(part, Loss) and part.formula]
    for arrow, flow in zip(arrows, flows, strict=True):
        said.append(f"{arrow.start} to {arrow.end}{f' ({arrow.label})' if arrow.label else ''}{', with a gradient back' if flow else ''}.")
    return " ".join(said)


def _checked(parts, arrows) -> list[Arrow]:
    if not parts:
        raise InputError("parts must name at least one part, but none was given.")
    for name, part in parts.items():
        if not isinstance(part, (Data, Net, Loss)):
            raise InputError(f"{name} must be a Data, a Net or a Loss, but {part!r} was given.")
    arrows = [arrow if isinstance(arrow, Arrow) else Arrow(*arrow) for arrow in arrows]
    for arrow in arrows:
        for end in (arrow.start, arrow.end):
            if end not in parts:
                raise InputError(f"each arrow must join two of {', '.join(map(repr, parts))}, but {end!r} was given.")
    return arrows


def _gradients(parts, arrows) -> list[bool]:
    """For each arrow, whether a gradient comes back along it: something that is trained lies at its start or behind it."""

    def trained_behind(name):
        part = parts[name]
        if isinstance(part, Net) and not part.frozen:
            return True
        return any(trained_behind(arrow.start) for arrow in arrows if arrow.end == name and arrow.gradient is not False)

    Layout(parts, arrows)  # refuses circles before they are followed
    return [trained_behind(arrow.start) if arrow.gradient is None else arrow.gradient for arrow in arrows]


def _svg(title, about, parts, arrows, flows, layout) -> str:
    mark = layout.mark
    body = [_arrow(arrow, flow, layout) for arrow, flow in zip(arrows, flows, strict=True)]
    body += [_part(name, part, layout) for name, part in parts.items()]
    body.append(_text(layout.width / 2, layout.height - 14, _legend(parts, flows), 11.5, colour=GREY))
    heads = "".join(
        f'<marker id="{mark}-{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto" '
        f'markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for kind, colour in (("values", GREY), ("gradient", BLUE)))  # fmt: skip
    hatch = (f'<pattern id="{mark}-frozen" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
             f'<rect width="7" height="7" fill="#f4f4f4"/><path d="M0 0V7" stroke="#a9a9a9" stroke-width="2.4"/></pattern>')  # fmt: skip
    wide, high = layout.width, layout.height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{mark}-title {mark}-about" viewBox="0 0 {wide} {high}" '
        f'width="{wide}" height="{high}" style="max-width:100%;height:auto" font-family="Helvetica, Arial, sans-serif" font-size="13" fill="{INK}">'
        f'<title id="{mark}-title">{html.escape(title)}</title><desc id="{mark}-about">{html.escape(about)}</desc>'
        f'<defs>{heads}{hatch}</defs><rect x="0.5" y="0.5" width="{wide - 1}" height="{high - 1}" rx="8" fill="#ffffff" stroke="#c4c4c4"/>'
        f'{"".join(body)}</svg>'
    )


def _text(x, y, words, size=13, weight="normal", colour=INK, anchor="middle") -> str:
    style = f' font-weight="{weight}"' if weight != "normal" else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}" fill="{colour}"{style}>{html.escape(words)}</text>'


def _part(name, part, layout) -> str:
    place = layout.places[name]
    x, y, wide, high = place.x - place.wide / 2, place.y - place.high / 2, place.wide, place.high
    if not isinstance(part, Net):
        data = isinstance(part, Data)
        under, corner, fill, line = (part.note, 3, "#f3f3f3", 1) if data else (part.formula, high / 2, "#ffffff", 1.6)
        box = (f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" rx="{corner:g}" fill="{fill}" stroke="{INK}" '
               f'stroke-width="{line}"/>')  # fmt: skip
        lines = [_text(place.x, place.y + (-3 if under else 5), name, weight="bold")]
        return box + "".join(lines + ([_text(place.x, place.y + 14, under, 12)] if under else []))
    kind = "frozen" if part.frozen else "trained"
    colour, fill = (GREY, f"url(#{layout.mark}-frozen)") if part.frozen else (BLUE, "#cfe6f5")
    shapes = [f'<rect x="{x:g}" y="{y:g}" width="{wide:g}" height="{high:g}" fill="{fill}" stroke="{colour}" stroke-width="1.6"/>']
    done, total = 0, max(1, part.parameters)
    for layer in part.layers[:-1] if wide >= 24 and len(part.layers) <= 60 else []:
        done += layer
        shapes.append(f'<path d="M{x + wide * done / total:.1f} {y:g}v{high:g}" stroke="{colour}" stroke-width="0.8"/>')
    under = y + high + 17
    lines = [_text(place.x, under, name, weight="bold"), _text(place.x, under + 16, f"{part.parameters:,} parameters", 12),
             _text(place.x, under + 32, kind + (", drawn larger than to scale" if place.enlarged else ""), 12, colour=colour)]  # fmt: skip
    return "".join(shapes + lines + ([_text(place.x, under + 48, part.note, 12)] if part.note else []))


def _arrow(arrow, flow, layout) -> str:
    path, (x, y, anchor) = layout.route(arrow)
    kind, colour = ("gradient", BLUE) if flow else ("values", GREY)
    dashes = "" if flow else ' stroke-dasharray="5 4"'
    line = f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{2.2 if flow else 1.4}"{dashes} marker-end="url(#{layout.mark}-{kind})"/>'
    if not arrow.label:
        return line
    return line + (f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="12" fill="{colour}" stroke="#ffffff" stroke-width="4" '
                   f'paint-order="stroke">{html.escape(arrow.label)}</text>')  # fmt: skip


def _legend(parts, flows) -> str:
    nets = [part for part in parts.values() if isinstance(part, Net)]
    words = {"solid arrow: a gradient flows back": any(flows), "dashed: values only": not all(flows),
             "hatched: frozen": any(net.frozen for net in nets), "areas are to scale with parameters": len(nets) > 1}  # fmt: skip
    return " · ".join(said for said, holds in words.items() if holds)
