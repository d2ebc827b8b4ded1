"""Whether a figure can be read: texts that lie over each other, and texts outside of the canvas. For tests of figures."""

from itertools import combinations

from distill_helpers.checks import needed

SLACK = 1.5  # pixels by which boxes may touch, since a box is a little larger than its letters


def layout_faults(fig) -> list[str]:
    """One sentence for each text of a matplotlib figure that is cut off at its edge, and for each two that overlap; empty when all is well.

    Texts are measured where they would be drawn. Tick labels outside of an axis's range, empty and invisible texts do not count; a turned
    text counts by its upright box.
    """
    fig.draw_without_rendering()
    renderer = fig.canvas.get_renderer()
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in _drawn_texts(fig)]
    page = fig.bbox
    faults = [
        f"{said!r} is cut off at the edge of the figure" for said, box in boxes
        if box.x0 < page.x0 - SLACK or box.y0 < page.y0 - SLACK or box.x1 > page.x1 + SLACK or box.y1 > page.y1 + SLACK]  # fmt: skip
    return faults + [f"{a!r} and {b!r} overlap" for (a, one), (b, other) in combinations(boxes, 2) if _overlap(one, other)]


def _overlap(one, other) -> bool:
    wide = min(one.x1, other.x1) - max(one.x0, other.x0)
    high = min(one.y1, other.y1) - max(one.y0, other.y0)
    return wide > SLACK and high > SLACK


def _drawn_texts(fig) -> list:
    hidden = set()
    for ax in fig.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            slack = 1e-9 * max(abs(low), abs(high), high - low)
            shown = axis.get_visible() and ax.get_visible() and ax.axison
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not shown or not low - slack <= tick.get_loc() <= high + slack:
                    hidden |= {tick.label1, tick.label2}
            if not shown:
                hidden |= {axis.label, axis.get_offset_text()}
    return [text for text in fig.findobj(needed("matplotlib.text").Text)
            if text not in hidden and text.get_visible() and text.get_text().strip()]  # fmt: skip
