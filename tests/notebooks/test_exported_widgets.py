"""The reader without Jupyter: an exported lesson from file:// in headless Chromium; every stored widget moves, and its picture says where to."""

import os
import re

import nbformat
import pytest

from distill_helpers.course import browser, sync
from distill_helpers.course.catalogue import LESSONS
from distill_helpers.course.export import export

pytestmark = pytest.mark.slow
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
PAGES = [lesson.stem for lesson in LESSONS if lesson.built and lesson.edition == 2]


@pytest.fixture(scope="module")
def chrome():
    path = browser.find()
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(browser.reason())
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def opened(chrome, tmp_path):
    """open(stem) -> the exported lesson in a page that may ask nothing of the network."""
    page = chrome.new_page(viewport={"width": 1100, "height": 900})
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url) if not request.url.startswith(("file:", "data:")) else None)
    page.on("pageerror", lambda error: errors.append(str(error)))

    def open_lesson(stem):
        path = tmp_path / f"{stem}.html"
        (source,) = (source for source in sync.sources() if source.stem == stem)
        path.write_text(export(nbformat.read(sync.target(source), as_version=4)), encoding="utf-8")
        page.goto(path.as_uri())
        return page

    yield open_lesson
    page.screenshot(path=tmp_path / "last.png")
    page.close()
    assert not asked and not errors


def shown(box):
    """The one picture in sight."""
    pictures = box.locator("svg[role=img]:visible")
    assert pictures.count() == 1
    return pictures


def said(control):
    """(label, value in words) of a range or a menu."""
    label = control.evaluate("c => c.labels[0].innerText")
    return label, control.evaluate("c => JSON.parse(c.dataset.labels)[c.value]")


@pytest.mark.parametrize("stem", PAGES)
def test_each_slider_moves_its_picture(opened, stem):
    """By keyboard from end to end, and by mouse: the picture in sight carries the value that the slider shows, and is another one each time."""
    page = opened(stem)
    boxes = page.locator(".moved")
    assert boxes.count() >= 1
    for box in boxes.all():
        controls = box.locator("input[type=range]").all()
        for control in controls:
            control.scroll_into_view_if_needed()
            control.focus()
            control.press("Home")
            steps = int(control.get_attribute("max")) + 1
            seen = set()
            for step in range(steps):
                if step:
                    control.press("ArrowRight")
                label, value = said(control)
                picture = shown(box)
                # the picture's values are those of all controls; in which order, its attributes do not say
                values = picture.evaluate("p => Object.values(p.dataset)")
                assert sorted(values) == sorted(said(other)[1] for other in controls) and value == control.get_attribute("aria-valuetext")
                assert control.locator("xpath=following-sibling::output").inner_text() == value and label
                assert value in picture.get_attribute("aria-label")
                seen.add(picture.inner_html())
            assert len(seen) == steps
            spot = control.bounding_box()
            page.mouse.click(spot["x"] + 3, spot["y"] + spot["height"] / 2)
            assert sorted(shown(box).evaluate("p => Object.values(p.dataset)")) == sorted(said(other)[1] for other in controls)


def test_the_first_page_s_picture_writes_what_the_sliders_say(opened):
    page = opened("00_start_here")
    box = page.locator(".moved")
    effect, replicates = box.locator("input[type=range]").all()
    for effect_step, replicate_step in ((0, 0), (3, 4), (7, 1), (4, 2)):
        for control, step in ((effect, effect_step), (replicates, replicate_step)):
            control.focus()
            control.press("Home")
            for _ in range(step):
                control.press("ArrowRight")
        title = re.search(r"true effect (\S+), (\d+) replicates: \S+", shown(box).text_content().replace("−", "-"))
        assert title and float(title[1]) == float(said(effect)[1]) and title[2] == said(replicates)[1]


@pytest.mark.parametrize("stem", PAGES)
def test_formulas_are_drawn_as_formulas(opened, stem):
    """Every formula is MathML whose parts lie inside of it, a fraction has its bar, and no dollar sign is left in the text."""
    page = opened(stem)
    counts = page.evaluate("""() => { const all = [...document.querySelectorAll('math')];
        return {all: all.length, empty: all.filter(m => !m.textContent.trim()).length,
                fractions: [...document.querySelectorAll('mfrac')].filter(f => f.children.length === 2).length,
                broken: [...document.querySelectorAll('mfrac')].filter(f => f.children.length !== 2).length,
                outside: [...document.querySelectorAll('mi, mo, mn, msub, mrow')].filter(e => !e.closest('math')).length}; }""")
    assert counts["all"] >= 5 and not counts["empty"] and not counts["broken"] and not counts["outside"], counts
    prose = page.locator(".jp-RenderedMarkdown").all_inner_texts()
    assert not [text for text in prose if re.search(r"\$\S|\\frac|[\ue000\ue001]", text)]
