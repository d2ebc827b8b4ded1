"""Where the parts of a drawing lie and how its arrows run: columns from the arrows, sizes from the parameters."""

import hashlib
import math
from dataclasses import dataclass

from distill_helpers.checks import InputError

LARGEST, SMALLEST = 120.0, 5.0  # pixels: sides of the largest net, and of one that is too small to be drawn to scale
GAP, ROW, EDGE, LEGEND, LANE = 104.0, 22.0, 22.0, 30.0, 22.0
LETTER, BOLD = 6.4, 7.6  # pixels of one letter, on the wide side
PORT = 9.0  # pixels between the arrows that meet on one side of a part


@dataclass
class Place:
    """A part: its column, middle, and size; ``room`` is its height with the words beneath, ``block`` its width with them."""

    column: int
    wide: float
    high: float
    block: float
    room: float
    enlarged: bool = False
    x: float = 0.0
    y: float = 0.0


class Layout:
    """Places of all parts, above a line of words ``legend``. ``route(arrow)`` gives a path and where its label stands.

    Raises InputError for arrows that run in a circle.
    """

    def __init__(self, parts: dict, arrows, legend: str = ""):
        self.arrows = list(arrows)
        said = repr([*((name, type(part).__name__, getattr(part, "parameters", "")) for name, part in parts.items()), *arrows])
        self.mark = "d" + hashlib.blake2b(said.encode(), digest_size=4).hexdigest()
        columns = _columns(list(parts), self.arrows)
        most = max([1, *(part.parameters for part in parts.values() if hasattr(part, "parameters"))])
        self.places = {name: _place(name, part, columns[name], most) for name, part in parts.items()}
        self._put(5.7 * len(legend) + 2 * EDGE)

    def _put(self, least):
        count = 1 + max(place.column for place in self.places.values())
        members = [[p for p in self.places.values() if p.column == column] for column in range(count)]
        widths = [max([0.0, *(p.block for p in column)]) for column in members]
        heights = [sum(p.room for p in column) + ROW * (len(column) - 1) for column in members]
        tallest = max(heights)
        self.long = [a for a in self.arrows if self.places[a.end].column - self.places[a.start].column > 1]
        self.lane = EDGE + tallest + LANE / 2
        left, self.sides = EDGE, []
        for column, wide, high in zip(members, widths, heights, strict=True):
            self.sides.append((left, left + wide))
            y = EDGE + (tallest - high) / 2
            for place in column:
                place.x, place.y = left + wide / 2, y + place.high / 2
                y += place.room + ROW
            left += wide + GAP
        self.width = math.ceil(max(left - GAP + EDGE, least))
        shift = (self.width - (left - GAP + EDGE)) / 2
        for place in self.places.values():
            place.x += shift
        self.sides = [(a + shift, b + shift) for a, b in self.sides]
        self.height = math.ceil(EDGE + tallest + LANE * len(self.long) + LEGEND + 8)

    def route(self, arrow) -> tuple[str, tuple[float, float, str]]:
        """(path, (x, y, anchor) of the label): straight across its own columns, curved between them, below all parts where it passes one."""
        start, end = self.places[arrow.start], self.places[arrow.end]
        y0, y1 = start.y + self._port(arrow, "start"), end.y + self._port(arrow, "end")
        x0, out = start.x + start.wide / 2, self.sides[start.column][1]
        x1 = end.x - end.wide / 2 - 1
        into = min(self.sides[end.column][0], x1 - 9)
        if arrow not in self.long:
            bend = (into - out) / 2
            path = f"M{x0:.1f} {y0:.1f}H{out:.1f}C{out + bend:.1f} {y0:.1f} {into - bend:.1f} {y1:.1f} {into:.1f} {y1:.1f}H{x1:.1f}"
            return path, self._beside(arrow, (out + into) / 2, y0, y1)
        y, half = self.lane + LANE * self.long.index(arrow), GAP / 2
        path = (f"M{x0:.1f} {y0:.1f}H{out:.1f}C{out + half:.1f} {y0:.1f} {out + half / 2:.1f} {y:.1f} {out + GAP:.1f} {y:.1f}H{into - GAP:.1f}"
                f"C{into - half / 2:.1f} {y:.1f} {into - half:.1f} {y1:.1f} {into:.1f} {y1:.1f}H{x1:.1f}")  # fmt: skip
        return path, ((out + into) / 2, y - 6, "middle")

    def _beside(self, arrow, x, y0, y1) -> tuple[float, float, str]:
        """Where a label stands beside the middle of a curve: on the outer side of its slope, below the lowest of several that leave one part."""
        y = (y0 + y1) / 2
        if abs(y1 - y0) < 24:
            return x, y + (17 if self._port(arrow, "start") > 0 else -7), "middle"
        return (x - 9, y - 3, "end") if y1 < y0 else (x + 9, y - 3, "start")

    def _port(self, arrow, side: str) -> float:
        """How far above or below the middle an arrow leaves or meets its part, so that arrows which share a side do not share a line."""
        here, there = (arrow.start, "end") if side == "start" else (arrow.end, "start")
        meeting = sorted((a for a in self.arrows if getattr(a, side) == here), key=lambda a: self.places[getattr(a, there)].y)
        step = min(PORT, self.places[here].high / max(1, len(meeting)))
        return step * (meeting.index(arrow) - (len(meeting) - 1) / 2)


def _columns(names, arrows) -> dict[str, int]:
    """Each part one column after the last of those before it; what nothing leads to stands right before the first that it leads to."""
    column = dict.fromkeys(names, 0)
    for _ in names:
        for arrow in arrows:
            column[arrow.end] = max(column[arrow.end], column[arrow.start] + 1)
    if any(column[arrow.end] <= column[arrow.start] for arrow in arrows):
        raise InputError("arrows must not run in a circle, but they do.")
    entered = {arrow.end for arrow in arrows}
    for name in names:
        ends = [column[arrow.end] for arrow in arrows if arrow.start == name]
        if name not in entered and ends:
            column[name] = min(ends) - 1
    return column


def _place(name, part, column, most) -> Place:
    if hasattr(part, "parameters"):
        true = LARGEST * math.sqrt(part.parameters / most)
        side = max(true, SMALLEST)
        words = ["drawn larger than to scale, frozen" if true < SMALLEST else f"{part.parameters:,} parameters", part.note]
        block = max(side, BOLD * len(name), *(LETTER * len(line) for line in words))
        return Place(column, side, side, block, side + 54 + (16 if part.note else 0), enlarged=true < SMALLEST)
    under = part.note if hasattr(part, "note") else part.formula
    wide = max(BOLD * len(name), LETTER * len(under)) + 26
    high = 44.0 if under else 30.0
    return Place(column, wide, high, wide, high)
