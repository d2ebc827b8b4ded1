"""Drawings of what flows where: areas to scale, gradients where autograd would send them, texts that do not lie over each other."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from torch import nn

from distill_helpers import show
from distill_helpers.checks import InputError
from distill_helpers.show.figure import forget_numbers

CAPTION = "The frozen teacher and the student see the same images."
TAG = "{http://www.w3.org/2000/svg}"
PARTS = {"images": show.Data("3,500 digits"), "teacher": show.Net(nn.Sequential(nn.Linear(99, 30), nn.ReLU(), nn.Linear(30, 10)), frozen=True),
         "student": show.Net(nn.Linear(9, 3)), "labels": show.Data(), "soft": show.Loss("T² KL(p ‖ q)"), "hard": show.Loss()}  # fmt: skip
ARROWS = [("images", "teacher"), ("images", "student"), ("teacher", "soft", "logits"), ("student", "soft", "logits"), ("student", "hard"),
          ("labels", "hard")]  # fmt: skip


def drawn(parts=PARTS, arrows=ARROWS):
    return show.drawing("Soft targets & more", parts, arrows, CAPTION)


def squares(found):
    """Areas of the nets, by the width and height of equal sides."""
    rects = [r for r in ElementTree.fromstring(found.svg).iter(TAG + "rect") if r.get("width") == r.get("height") and r.get("stroke")]
    return [float(r.get("width")) ** 2 for r in rects]


def test_areas_are_parameters():
    assert PARTS["teacher"].parameters == 3310 and PARTS["teacher"].layers == [3000, 310] and PARTS["student"].parameters == 30
    big, small = squares(drawn())
    assert big / small == pytest.approx(3310 / 30, rel=1e-2)
    layers = re.findall(r'<path d="M([\d.]+) [\d.]+v', drawn().svg)
    assert len(layers) == 1  # the teacher's two layers; the student is too small to cut
    tied = nn.Linear(4, 4)
    assert show.Net(nn.Sequential(tied, tied)).layers == [20] and show.Net(7).parameters == 7


def test_what_is_too_small_for_the_scale_says_so():
    found = drawn({"a": show.Net(10**9), "b": show.Net(10)}, [("a", "b")])
    assert "drawn larger than to scale" in found.svg and min(squares(found)) == 25
    assert "drawn larger" not in drawn().svg


def test_gradients_flow_where_something_trained_lies_behind():
    assert drawn().alt.count("with a gradient back") == 2
    assert "teacher to soft (logits)." in drawn().alt and "student to soft (logits), with a gradient back." in drawn().alt
    parts = {"noise": show.Data(), "generator": show.Net(9), "teacher": show.Net(90, frozen=True), "student": show.Net(5), "loss": show.Loss()}
    arrows = [("noise", "generator"), ("generator", "teacher"), ("teacher", "loss"), ("generator", "student", "", False), ("student", "loss")]
    said = drawn(parts, arrows).alt
    assert "teacher to loss, with a gradient back." in said  # through the frozen teacher to the generator
    assert "generator to student." in said and "noise to generator." in said
    cut = drawn(parts | {"student": show.Net(5, frozen=True)}, arrows).alt
    assert "student to loss." in cut  # nothing trained is behind it any more
    assert drawn().svg.count("stroke-dasharray") == 4 and drawn(parts, arrows).svg.count("stroke-dasharray") == 2


def test_it_is_accessible_and_the_same_every_time():
    found = drawn()
    assert found == drawn()
    root = ElementTree.fromstring(found.svg)
    title, about = (root.find(TAG + name) for name in ("title", "desc"))
    assert root.get("role") == "img" and root.get("aria-labelledby") == f"{title.get('id')} {about.get('id')}"
    assert title.text == "Soft targets & more" and "teacher: 3,310 parameters, frozen." in about.text and "soft: T² KL(p ‖ q)." in about.text
    assert root.find(TAG + "rect").get("fill") == "#ffffff"  # a card of its own under everything, on a dark page too
    other = show.drawing("Soft targets & more", {"a": show.Net(1)}, [], CAPTION)
    ids = lambda one: set(re.findall(r'id="([^"]+)"', one.svg))
    assert not ids(found) & ids(other)


def test_frozen_and_trained_differ_without_colour():
    svg = drawn().svg
    assert len(re.findall(r'fill="url\(#\w+-frozen\)"', svg)) == 1 and ">frozen<" in svg and ">trained<" in svg


def boxes(found):
    """(words, left, top, right, bottom) of each text, generously."""
    for text in ElementTree.fromstring(found.svg).iter(TAG + "text"):
        size, x, y = float(text.get("font-size")), float(text.get("x")), float(text.get("y"))
        wide = 0.5 * size * len(text.text)
        left = {"middle": x - wide / 2, "start": x, "end": x - wide}[text.get("text-anchor")]
        yield text.text, left, y - 0.7 * size, left + wide, y + 0.2 * size


def test_texts_lie_on_the_card_and_apart():
    nets = {name: show.Net(10**size) for size, name in enumerate("abcde")}
    for found in (drawn(), drawn(nets, [("a", "b", "x"), ("b", "c"), ("a", "c", "y"), ("c", "d"), ("c", "e")])):
        wide, high = (float(ElementTree.fromstring(found.svg).get(side)) for side in ("width", "height"))
        texts = list(boxes(found))
        for words, left, top, right, bottom in texts:
            assert left > 0 and right < wide and top > 0 and bottom < high, words
        for a, b in combinations(texts, 2):
            assert a[3] <= b[1] or b[3] <= a[1] or a[4] <= b[2] or b[4] <= a[2], (a, b)


def test_an_arrow_past_a_column_runs_below_all_parts():
    parts = {"a": show.Data(), "b": show.Net(100), "c": show.Loss()}
    path = re.search(r'<path d="(M[^"]*)" fill="none" stroke="#5c5c5c"[^>]*/>', drawn(parts, [("a", "c"), ("a", "b"), ("b", "c")]).svg).group(1)
    lowest = max(float(pair.split()[1]) for pair in re.findall(r"[\d.]+ [\d.]+", path))
    bottom = max(y for words, _, _, _, y in boxes(drawn(parts, [("a", "c"), ("a", "b"), ("b", "c")])) if words == "trained")
    assert lowest > bottom


@pytest.mark.parametrize(("parts", "arrows", "said"), [
    ({}, [], "parts must name at least one"), ({"a": 3}, [], "a must be a Data, a Net or a Loss"),
    ({"a": show.Data()}, [("a", "b")], "each arrow must join two of 'a', but 'b'"),
    ({"a": show.Net(1), "b": show.Net(1)}, [("a", "b"), ("b", "a")], "must not run in a circle"),
])  # fmt: skip
def test_what_cannot_be_drawn_is_said(parts, arrows, said):
    with pytest.raises(InputError, match=said):
        drawn(parts, arrows)
    with pytest.raises(InputError, match="net must be a whole number"):
        show.Net("big")
    with pytest.raises(InputError, match="caption must say"):
        show.drawing("A", PARTS, ARROWS, "short")


def test_a_drawing_is_shown_with_its_caption(monkeypatch):
    caught = []
    forget_numbers()
    monkeypatch.setattr("IPython.display.display", lambda data, **rest: caught.append(data))
    show.figure(drawn())
    show.on_page(drawn)()
    assert [list(data)[0] for data in caught] == ["text/html", "text/markdown"] * 2 and caught[0]["text/html"] == drawn().svg
    assert caught[1]["text/markdown"] == f"**Figure 1.** {CAPTION}"
    forget_numbers()
