"""The reader's view: JupyterLab in headless Chromium opens calm, and a picture follows its slider."""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from slices import needed

from distill_helpers.course import browser, kernel, lab
from distill_helpers.course.paths import repository

pytestmark = pytest.mark.slow
ROOT = repository()
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
EVERY_CELL = {"@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"}}  # cells out of sight are there too
OPENED = ("00_start_here", "07_soft_targets", "13_strategy_tournament")  # the others' metadata are compared in test_notebook_hygiene.py
SLIDERS = [("01_counting_the_big_mlp", "width"), ("03_exploding_and_vanishing_gradients", "depth"), ("07_soft_targets", "temperature"),
           ("08_supervised_strategies", "eps"), ("12_robust_students", "share")]  # fmt: skip
CHOICES = [("04_taming_deep_networks", "net"), ("13_strategy_tournament", "second")]
# whether a picture follows its slider does not depend on how well its nets are trained
BRIEFLY = """import distill_helpers.training.recipe as _recipe
_checked = _recipe.Recipe.__post_init__
def _briefly(self):
    _checked(self)
    object.__setattr__(self, "steps", min(self.steps, 3))
_recipe.Recipe.__post_init__ = _briefly
"""
PATIENCE = 240_000  # milliseconds: a bound against hanging, not a measure


def chromium() -> str:
    path = browser.find()
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(browser.reason())
    return path


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """JupyterLab on loopback as `make lab` starts it, over copies of the notebooks: (folder, address, token)."""
    chromium()
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns("src", ".ipynb_checkpoints"))
    for name, value in EVERY_CELL.items():
        path = home / "settings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    lab.install(home / "layouts")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = os.environ | {"DISTILL_UNATTENDED": "1", "DISTILL_CACHE": str(home / "cache"), "JUPYTER_CONFIG_DIR": str(home / "config"),
                                "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "DISTILL_RESULTS": str(home / "results")}  # fmt: skip
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *lab.arguments([], home / "layouts", port, 0), "--no-browser",
             f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={home / 'notebooks'}"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=20).read()
                break
            except OSError:
                assert server.poll() is None, (home / "server.log").read_text()[-2000:]
                time.sleep(0.2)
        yield home / "notebooks", address, token
    finally:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def chrome():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def page(chrome, tmp_path):
    page = chrome.new_page(viewport={"width": 1400, "height": 1000})
    page.set_default_timeout(PATIENCE)
    yield page
    page.screenshot(path=tmp_path / "last.png")
    page.close()


def open_notebook(page, served, stem):
    """Open a notebook in a first layout, as the reader does, and wait until its kernel is idle; no dialog is answered."""
    folder, address, token = served
    shutil.rmtree(folder.parent / "layouts", ignore_errors=True)
    lab.install(folder.parent / "layouts")
    page.goto(f"{address}/lab/tree/{stem}.ipynb?token={token}")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    page.locator("#jp-main-statusbar", has_text="Idle").wait_for()


def shut_down_kernels(served):
    _, address, token = served
    headers = {"Authorization": f"token {token}"}
    for session in json.load(urllib.request.urlopen(urllib.request.Request(f"{address}/api/sessions", headers=headers))):
        urllib.request.urlopen(urllib.request.Request(f"{address}/api/sessions/{session['id']}", headers=headers, method="DELETE"))


@pytest.mark.parametrize("stem", OPENED)
def test_a_notebook_opens_calm(page, served, stem):
    """The course's kernel without asking, the contents beside it, no dialog, no news, nothing marked as changed."""
    open_notebook(page, served, stem)
    assert page.locator(".jp-KernelName").first.inner_text() == kernel.KERNELSPEC["display_name"]
    contents = page.locator("#table-of-contents .jp-tocItem-content")
    contents.first.wait_for(state="visible", timeout=60_000)
    assert contents.count() > 3
    page.wait_for_timeout(500)  # what would still come up
    assert page.locator(".jp-Dialog").count() == 0
    assert page.locator(".Toastify__toast").count() == 0
    assert page.locator(".jp-mod-dirty").count() == 0
    shut_down_kernels(served)


def only_needed(folder, stem, control):
    """Beside the copy of a notebook, one with its text and only those code cells that its picture with ``control`` needs; its stem."""
    notebook = json.loads((folder / f"{stem}.ipynb").read_text(encoding="utf-8"))
    cells = [cell | {"source": "".join(cell["source"])} for cell in notebook["cells"]]
    last = next(n for n, c in enumerate(cells) if c["cell_type"] == "code" and "dh.explore(" in c["source"] and f"{control}=" in c["source"])
    keep = needed(cells, last)
    notebook["cells"] = [c | {"outputs": [], "execution_count": None} for n, c in enumerate(cells) if n in keep]
    next(c for c in notebook["cells"] if c["cell_type"] == "code")["source"] = BRIEFLY + cells[keep[0]]["source"]
    notebook["metadata"].pop("widgets", None)
    (folder / f"{stem}_{control}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    return f"{stem}_{control}"


def run_all(page, served, stem, control):
    """Run the cells that a picture needs as the reader does, and wait until it is there without an error."""
    open_notebook(page, served, only_needed(served[0], stem, control))
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    error = ".jp-Notebook [data-mime-type='application/vnd.jupyter.error'], .jp-Notebook [data-mime-type='application/vnd.jupyter.stderr']"
    page.locator(f"svg[data-{control}], {error}").first.wait_for(state="attached")
    assert page.locator(error).count() == 0, page.locator(error).first.inner_text()
    box = page.locator(".jupyter-widgets.widget-vbox").filter(has=page.locator(f"svg[data-{control}]")).first
    picture = page.locator(f"svg[data-{control}]").first
    picture.scroll_into_view_if_needed()
    return box, picture


@pytest.mark.parametrize(("stem", "slider"), SLIDERS, ids=[s[0] for s in SLIDERS])
def test_the_picture_follows_the_slider(page, served, stem, slider):
    box, picture = run_all(page, served, stem, slider)
    before, drawn = picture.get_attribute(f"data-{slider}"), picture.inner_html()
    handle = box.locator(".noUi-handle").first
    place = handle.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=8)
    page.mouse.up()
    # the picture comes to rest where the slider's own number says
    page.wait_for_function(
        """([name, before]) => { const p = document.querySelector(`svg[data-${name}]`);
            const shown = p.dataset[name], said = parseFloat(p.closest('.widget-vbox').querySelector('.widget-readout').innerText);
            return shown !== before && Math.abs(parseFloat(shown) - said) <= Math.max(0.02 * said, shown.includes('.') ? 0.01 : 0.51); }""",
        arg=[slider, before],
    )
    assert float(picture.get_attribute(f"data-{slider}")) > float(before)
    assert picture.inner_html() != drawn
    shut_down_kernels(served)


@pytest.mark.parametrize(("stem", "choice"), CHOICES, ids=[c[0] for c in CHOICES])
def test_the_picture_follows_the_choice(page, served, stem, choice):
    box, picture = run_all(page, served, stem, choice)
    menu = box.locator(".widget-dropdown").filter(has=page.locator(".widget-label", has_text=choice)).locator("select")
    before, drawn = picture.get_attribute(f"data-{choice}"), picture.inner_html()
    options = [text.replace("\xa0", " ") for text in menu.locator("option").all_inner_texts()]
    other = next(text for text in options if text != before)
    menu.select_option(index=options.index(other))
    page.wait_for_function(f"b => document.querySelector('svg[data-{choice}]').dataset['{choice}'] !== b", arg=before)
    assert picture.get_attribute(f"data-{choice}") == other
    assert picture.inner_html() != drawn
    shut_down_kernels(served)


def in_sight(page, control):
    """The values that the one picture in sight carries, and its words; a stack keeps the other pictures hidden."""
    return page.evaluate(
        """name => { const seen = [...document.querySelectorAll(`svg[data-${name}]`)].filter(p => p.getClientRects().length);
            return seen.map(p => ({...p.dataset, words: p.textContent})); }""", control)  # fmt: skip


def drag(page, box, place, by):
    """Move the handle of the box's so manyth slider; the text beside it."""
    slider = box.locator(".widget-slider").nth(place)
    handle = slider.locator(".noUi-handle").bounding_box()
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + by, y, steps=8)
    page.mouse.up()
    return slider.locator(".widget-readout")


@pytest.mark.parametrize("live", [False, True], ids=["before anything is run", "with its cells run"])
def test_the_first_page_s_pictures_follow_both_sliders(page, served, live):
    """Stored pictures move before any cell is run, and as well when the kernel draws them."""
    stem, first, second = "00_start_here", "effect", "replicates"
    lab.trust(served[0])  # as `make lab` does: without it no widget is shown before its cell is run
    open_notebook(page, served, only_needed(served[0], stem, first) if live else stem)
    if live:
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    box = page.locator(".jupyter-widgets.widget-vbox").filter(has=page.locator(f"svg[data-{first}]")).first
    box.locator(".widget-slider").first.scroll_into_view_if_needed()
    page.wait_for_function(f"() => [...document.querySelectorAll('svg[data-{first}]')].filter(p => p.getClientRects().length).length === 1")
    for place, (name, by) in enumerate(((first, 60), (second, 60))):
        before = in_sight(page, first)[0]
        readout = drag(page, box, place, by)
        page.wait_for_function(
            """([name, before]) => { const seen = [...document.querySelectorAll(`svg[data-${name}]`)].filter(p => p.getClientRects().length);
                return seen.length === 1 && seen[0].dataset[name] !== before; }""",
            arg=[name, before[name]],
        )
        (after,) = in_sight(page, first)
        assert after[name] == readout.inner_text() and float(after[name]) > float(before[name])
        assert f"true effect {float(after[first]):+g}, {after[second]} replicates: " in after["words"].replace("\u2212", "-")
    chains = """() => [...document.querySelectorAll('.stored-pictures, .stored-pictures *')]
        .filter(e => !['none', 'normal'].includes(getComputedStyle(e, '::before').content) && e.className.includes('disconnected')).length"""
    assert page.evaluate(chains) == 0
    handles = box.locator(".noUi-handle")
    page.wait_for_function("() => [...document.querySelectorAll('.noUi-handle')].every(h => h.getAttribute('aria-label'))")
    assert [handles.nth(n).get_attribute("aria-label") for n in range(handles.count())] == ["true effect", "replicates"]
    shut_down_kernels(served)
