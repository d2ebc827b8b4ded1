"""The reader's view: JupyterLab in headless Chromium, run all, drag a slider, and look whether the picture follows."""

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

from distill_helpers.course.paths import repository

pytestmark = pytest.mark.slow
ROOT = repository()
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": {"fetchNews": "false", "checkForUpdates": False},
}
WIDGETS = [("01_counting_the_big_mlp", "width", 0), ("03_exploding_and_vanishing_gradients", "depth", 0),
           ("07_soft_targets", "temperature", 0), ("08_supervised_strategies", "eps", 0), ("11_robust_students", "share", 0)]  # fmt: skip
CHOICES = [("04_taming_deep_networks", "net"), ("12_strategy_tournament", "second")]


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        if shutil.which(name):
            return shutil.which(name)
    pytest.fail("no Chromium is installed; on Debian: apt-get install chromium")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab server on loopback over a copy of the notebooks; gives its address and token."""
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", home / "notebooks", ignore=shutil.ignore_patterns("src", ".ipynb_checkpoints"))
    for name, value in SETTINGS.items():
        path = home / "settings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    environment = os.environ | {"DISTILL_UNATTENDED": "1", "DISTILL_CACHE": str(home / "cache"), "JUPYTER_CONFIG_DIR": str(home / "config"),
                                "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
                                "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}  # fmt: skip
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--allow-root",
             "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={home / 'notebooks'}"],
            env=environment, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=2).read()
                break
            except OSError:
                assert server.poll() is None, (home / "server.log").read_text()[-2000:]
                time.sleep(0.5)
        yield address, token
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def page(tmp_path):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        try:
            yield page
        except BaseException:
            page.screenshot(path=tmp_path / "failure.png")
            raise
        finally:
            browser.close()


def choose_kernel(page):
    """Accept the kernel that JupyterLab proposes, if it asks, and wait until it is idle."""
    for _ in range(120):
        accept = page.locator(".jp-Dialog button.jp-mod-accept")
        if accept.count():
            accept.first.click()
        elif page.locator("#jp-main-statusbar", has_text="Idle").count():
            return
        page.wait_for_timeout(500)
    raise AssertionError("the kernel did not become idle within a minute")


def run_all(page, lab, stem):
    """Open a notebook, run all of it, and wait until every code cell has its number."""
    address, token = lab
    page.goto(f"{address}/lab/tree/{stem}.ipynb?token={token}&reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    choose_kernel(page)
    # outputs that were stored must not pass for new ones: clear them first
    page.get_by_role("menuitem", name="Edit", exact=True).click()
    page.get_by_role("menuitem", name="Clear Outputs of All Cells").click()
    page.wait_for_function("document.querySelectorAll('.jp-Notebook .jp-OutputArea-output').length === 0")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    done = """() => { const p = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')]
        .filter(c => c.querySelector('.cm-content').innerText.trim())
        .map(c => c.querySelector('.jp-InputPrompt').innerText);
        return p.length > 0 && p.every(t => /\\[\\d+\\]/.test(t)); }"""
    page.wait_for_function(done, timeout=420_000)


def only_meant_errors(page, stem):
    """As many errors on the page as cells that raise on purpose, and nothing on stderr."""
    cells = json.loads((ROOT / "notebooks" / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]
    meant = sum("raises-exception" in cell["metadata"].get("tags", []) for cell in cells)
    assert page.locator(".jp-Notebook .jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr'] pre, "
                        ".jp-Notebook [data-mime-type='application/vnd.jupyter.error']").count() == meant  # fmt: skip


@pytest.mark.parametrize(("stem", "slider", "which"), WIDGETS, ids=[w[0] for w in WIDGETS])
def test_the_picture_follows_the_slider(page, lab, stem, slider, which):
    run_all(page, lab, stem)
    only_meant_errors(page, stem)
    picture = page.locator(f"svg[data-{slider}]").nth(which)
    picture.scroll_into_view_if_needed()
    box = page.locator(".jupyter-widgets.widget-vbox").filter(has=page.locator(f"svg[data-{slider}]")).nth(which)
    before, drawn = picture.get_attribute(f"data-{slider}"), picture.inner_html()
    handle = box.locator(".noUi-handle").first
    place = handle.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=8)
    page.mouse.up()
    page.wait_for_function(f"([s, b]) => document.querySelectorAll('svg[data-{slider}]')[{which}].dataset['{slider}'] !== b", arg=["", before])
    page.wait_for_timeout(500)
    shown, readout = picture.get_attribute(f"data-{slider}"), box.locator(".widget-readout").first.inner_text()
    assert float(shown) == pytest.approx(float(readout), rel=0.02, abs=0.51 if "." not in shown else 0.01)
    assert float(shown) > float(before)
    assert picture.inner_html() != drawn


@pytest.mark.parametrize(("stem", "choice"), CHOICES, ids=[c[0] for c in CHOICES])
def test_the_picture_follows_the_choice(page, lab, stem, choice):
    run_all(page, lab, stem)
    only_meant_errors(page, stem)
    picture = page.locator(f"svg[data-{choice}]").first
    picture.scroll_into_view_if_needed()
    box = page.locator(".jupyter-widgets.widget-vbox").filter(has=page.locator(f"svg[data-{choice}]")).first
    menu = box.locator(".widget-dropdown").filter(has=page.locator(".widget-label", has_text=choice)).locator("select")
    before, drawn = picture.get_attribute(f"data-{choice}"), picture.inner_html()
    options = [text.replace("\xa0", " ") for text in menu.locator("option").all_inner_texts()]
    other = next(text for text in options if text != before)
    menu.select_option(index=options.index(other))
    page.wait_for_function(f"b => document.querySelector('svg[data-{choice}]').dataset['{choice}'] !== b", arg=before)
    assert picture.get_attribute(f"data-{choice}") == other
    assert picture.inner_html() != drawn
