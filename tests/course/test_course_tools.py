"""Preflight, start, paths, the catalogue, syncing and running."""

import copy
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from distill_helpers.checks import InputError
from distill_helpers.course import kernel, lab, paths, preflight, runner, speed, sync
from distill_helpers.course.catalogue import LESSONS, course_map, find_lesson
from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.preflight import Check
from distill_helpers.course.start import start
from distill_helpers.training import Recipe, fit
from distill_helpers.training.progress import live_session

CELLS = """# %% [markdown]
# # A title

# %%
x = 1
print(x)

# %% tags=["raises-exception"]
raise NotImplementedError
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A notebook of three cells in a repository of its own."""
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    path = tmp_path / "notebooks" / "src" / "98_tiny.py"
    path.write_text(CELLS)
    monkeypatch.setattr(sync, "repository", lambda: tmp_path)
    monkeypatch.setattr(runner, "repository", lambda: tmp_path)
    return path


def test_a_line_of_the_preflight_says_how_to_mend_it():
    assert str(Check("disk", True, "40 GiB free")) == "OK  disk: 40 GiB free"
    assert str(Check("disk", False, "full", "free some space")) == "!!  disk: full\n      mend it with: free some space"


def test_preflight_here_and_where_something_is_wrong(monkeypatch, tmp_path, capsys):
    lines = {c.what: c for c in preflight.checks()}
    assert lines["Python"].ok and lines["packages"].ok and lines["device"].ok
    assert list(lines) == ["Python", "packages", "device", "memory", "disk", "kernel", "cache folder", "data folder"]
    monkeypatch.setattr(preflight, "NEEDED", (*preflight.NEEDED, "a-package-that-is-not-there"))
    assert preflight.preflight() is False
    assert "!!  packages: missing a-package-that-is-not-there" in capsys.readouterr().out
    blocked = tmp_path / "file"
    blocked.write_text("")
    assert not preflight._folder("cache folder", lambda: blocked).ok


def test_start_says_the_same_every_time_and_refuses_nonsense(capsys, monkeypatch):
    import torch

    start(seed=3)
    first, number = capsys.readouterr().out, torch.rand(1).item()
    start(seed=3)
    assert capsys.readouterr().out == first and torch.rand(1).item() == number and "Seed: 3." in first
    with pytest.raises(InputError, match="seed"):
        start(seed=-1)
    with pytest.raises(InputError, match="no such device"):
        start(device="cuda:77")
    monkeypatch.setenv("DISTILL_PROFILE", "huge")
    with pytest.raises(InputError, match="DISTILL_PROFILE must be one of"):
        start()


def test_places_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("DISTILL_CACHE", str(tmp_path / "c"))
    monkeypatch.delenv("DISTILL_RESULTS", raising=False)
    assert paths.cache_dir() == tmp_path / "c" and paths.results_dir() == tmp_path / "c" / "results"
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path / "r"))
    assert paths.results_dir() == tmp_path / "r" and paths.committed_results() == paths.repository() / "results"


def test_the_catalogue_is_whole():
    assert [lesson.number for lesson in LESSONS] == [f"{n:02d}" for n in range(23)]
    assert {c for lesson in LESSONS for c in lesson.claims} == set(CLAIMS)
    assert find_lesson("07").claims == ("C02", "C04", "C05")
    shown = course_map().to_html()
    assert all(f">{lesson.number}</td>" in shown for lesson in LESSONS), "a lesson is missing from the map"


def test_a_synced_notebook_is_stable_and_drift_is_said(source):
    path = sync.sync(source)
    first = path.read_text()
    notebook = nbformat.read(path, as_version=4)
    assert [c.cell_type for c in notebook.cells] == ["markdown", "code", "code"]
    assert notebook.cells[1].outputs[0].text == "1\n" and notebook.cells[2].outputs[0].traceback == ["NotImplementedError: "]
    assert sync.drifted(source) == "" and "execution" not in notebook.cells[1].metadata
    sync.sync(source)
    assert path.read_text() == first
    source.write_text(CELLS.replace("x = 1", "x = 2"))
    assert "differs from its source in cell 1" in sync.drifted(source)


def test_widget_ids_are_numbered_by_appearance():
    a, b, c = "a" * 32, "b" * 32, "0" * 32
    view = nbformat.v4.new_output("display_data", {"application/vnd.jupyter.widget-view+json": {"model_id": b}})
    state = {c: {"state": {}}, a: {"state": {}}, b: {"state": {"child": a}}}
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[view], id="1")],
                                        metadata={"widgets": {"application/vnd.jupyter.widget-state+json": {"state": state}}})  # fmt: skip
    stable = sync._stable(notebook)
    assert not any(old in stable for old in (a, b, c)) and stable.count("0" * 31 + "1") == 2 and stable.count("0" * 31 + "3") == 2
    assert stable == nbformat.writes(nbformat.reads(stable, as_version=4))


def test_the_runner_names_the_failing_notebook_and_cell(source, capsys):
    source.write_text(CELLS.replace("x = 1", "x = 1 / 0"))
    assert runner.run_sync(["98"]) == 1
    said = capsys.readouterr().err
    assert "98_tiny failed: cell 1 (`x = 1 / 0`)" in said and "ZeroDivisionError" in said
    assert not sync.target(source).exists()
    with pytest.raises(SystemExit, match="no notebook has the number 55"):
        sync.sources(["55"])


def test_timings_survive_the_file(tmp_path):
    rows = {"b": dict(notebook="b", seconds="2.0", processor_s="1.5", probe_s="0.1", cpus="2", device="cpu"),
            "a": dict(notebook="a", seconds="1.0", processor_s="", probe_s="0.1", cpus="2", device="cpu")}  # fmt: skip
    runner.write_timings(tmp_path / "t.csv", rows)
    assert runner.read_timings(tmp_path / "t.csv") == rows and list(runner.read_timings(tmp_path / "t.csv")) == ["a", "b"]


def test_progress_is_silent_when_nobody_watches(capsys, monkeypatch, toy_images, toy_teacher):
    monkeypatch.setenv("DISTILL_UNATTENDED", "1")
    assert not live_session()
    fit(copy.deepcopy(toy_teacher), toy_images, Recipe(steps=3, batch_size=8))
    assert capsys.readouterr() == ("", "")


def test_importing_costs_little_more_than_torch():
    """At most 15 % of processor time over `import torch`: the less of two each, in fresh processes."""
    seconds = {}
    for what in ("import torch", "import torch, distill_helpers"):
        code = f"import time; {what}; print(time.process_time())"
        runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ) for _ in range(2)]
        seconds[what] = min(float(r.stdout) for r in runs)
    plain, ours = seconds.values()
    assert ours <= 1.15 * plain, seconds


@pytest.fixture
def read_only(monkeypatch, tmp_path):
    """A checkout, a home and everything but the temporary folder that cannot be written, as the superuser of CI would not meet it."""
    monkeypatch.delenv("DISTILL_CACHE", raising=False)
    monkeypatch.delenv("DISTILL_DATA", raising=False)
    monkeypatch.delenv("DISTILL_RESULTS", raising=False)
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    makes, may = Path.mkdir, os.access

    def mkdir(self, *args, **rest):
        if tmp_path / "temporary" not in (self, *self.parents):
            raise OSError(30, "Read-only file system", str(self))
        return makes(self, *args, **rest)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(os, "access", lambda path, mode: tmp_path / "temporary" in (Path(path), *Path(path).parents) and may(path, mode))
    return tmp_path / "temporary"


def test_a_read_only_checkout_is_said_and_worked_around(read_only, capsys, monkeypatch):
    lines = {c.what: c for c in preflight.checks()}
    assert lines["cache folder"].ok and "the checkout is read-only" in lines["cache folder"].found
    assert lines["disk"].ok and lines["data folder"].ok
    start(seed=0)
    assert "The checkout is read-only; what is kept between runs lies in" in capsys.readouterr().out
    assert read_only in paths.results_dir().parents


@pytest.mark.parametrize(("name", "lines", "place"), [("DISTILL_CACHE", ("disk", "cache folder", "data folder"), paths.cache_dir),
                                                      ("DISTILL_DATA", ("data folder",), paths.data_dir)])  # fmt: skip
def test_a_folder_of_the_reader_that_cannot_be_written_is_named(read_only, monkeypatch, name, lines, place):
    monkeypatch.setenv(name, "/elsewhere")
    found = {c.what: c for c in preflight.checks()}
    for line in lines:
        assert not found[line].ok and name in found[line].mend and "'/elsewhere'" in found[line].found
    with pytest.raises(InputError, match=f"{name} must be a folder that you may write to, but '/elsewhere' was given"):
        place()


def test_a_busy_machine_lengthens_patience_and_not_the_probe(monkeypatch):
    seconds, processor = speed.machine_probe()
    assert processor > 0 and processor <= 1.5 * seconds
    monkeypatch.setattr(speed, "machine_probe", lambda: (4 * speed.WALL, speed.WALL))
    assert speed.patience(100) == 400
    monkeypatch.setattr(speed, "machine_probe", lambda: (speed.WALL / 4, speed.WALL / 4))
    assert speed.patience(100) == 100


def test_processor_seconds_of_a_child_are_counted():
    before = speed.children_seconds()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass"], check=True)
    assert 0.25 < speed.children_seconds() - before < 3


def test_metadata_that_would_look_changed_in_the_lab_are_drift(source):
    path = sync.sync(source)
    notebook = nbformat.read(path, as_version=4)
    assert notebook.metadata.kernelspec == kernel.KERNELSPEC and notebook.metadata.language_info == kernel.LANGUAGE
    notebook.metadata.kernelspec["display_name"] = "Python 3 (ipykernel)"
    nbformat.write(notebook, path)
    assert "98_tiny.ipynb has other metadata than its source gives" in sync.drifted(source)


def test_the_lab_is_installed_once_and_keeps_the_readers_layout(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    lab.install()
    (layout,) = lab.layouts().iterdir()
    assert json.loads(layout.read_text())["data"]["layout-restorer:data"]["left"]["current"] == lab.CONTENTS
    layout.write_text("mine")
    lab.install()
    assert layout.read_text() == "mine"
    written = json.loads((tmp_path / "share/jupyter/kernels/distill-course/kernel.json").read_text())
    assert written["display_name"] == kernel.KERNELSPEC["display_name"] and written["env"]["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    assert "--allow-root" not in lab.arguments(["a"]) and "--ServerApp.ip=127.0.0.1" in lab.arguments(["a"])
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    assert "--allow-root" in lab.arguments(["a"])


@pytest.mark.parametrize("name", ["python3", kernel.NAME])
def test_a_notebook_runs_in_the_courses_kernel_and_in_a_plain_one(name, tmp_path, monkeypatch):
    lab.install(tmp_path)
    cells = [nbformat.v4.new_code_cell("import os, torch; print(os.environ['OMP_WAIT_POLICY'], torch.ones(2).sum().item())")]
    notebook = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel.KERNELSPEC, "language_info": kernel.LANGUAGE})
    NotebookClient(notebook, kernel_name=name, timeout=600).execute()
    assert notebook.cells[0].outputs[0].text == "PASSIVE 2.0\n"
    if name == kernel.NAME:
        assert notebook.metadata.language_info == kernel.LANGUAGE  # what JupyterLab would write back is what the file has
