"""Preflight, start, paths, the catalogue, syncing and running."""

import os
import subprocess
import sys

import nbformat
import pytest

from distill_helpers.checks import InputError
from distill_helpers.course import paths, preflight, runner, sync
from distill_helpers.course.catalogue import LESSONS, course_map, find_lesson
from distill_helpers.course.claims import CLAIMS
from distill_helpers.course.preflight import Check
from distill_helpers.course.start import start
from distill_helpers.training.progress import live_session, progress_bar

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
    assert [lesson.number for lesson in LESSONS] == [f"{n:02d}" for n in range(21)]
    assert {c for lesson in LESSONS for c in lesson.claims} == set(CLAIMS)
    assert find_lesson("07").claims == ("C02", "C04", "C05")
    assert course_map().to_html().count("<tr>") == 22


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
    a, b = "a" * 32, "b" * 32
    text = (f'{{"cells": [{{"model_id": "{b}"}}], "metadata": {{"widgets": {{"application/vnd.jupyter.widget-state+json": '
            f'{{"state": {{"{a}": {{}}, "{b}": {{"child": "{a}"}}}}}}}}}}}}').replace('"model_id":', '"model_id":')  # fmt: skip
    stable = sync._stable(text)
    assert a not in stable and b not in stable and stable.count("0" * 31 + "1") == 2 and stable.count("0" * 31 + "2") == 2


def test_the_runner_names_the_failing_notebook_and_cell(source, capsys):
    source.write_text(CELLS.replace("x = 1", "x = 1 / 0"))
    assert runner.run_sync(["98"]) == 1
    said = capsys.readouterr().err
    assert "98_tiny failed: cell 1 (`x = 1 / 0`)" in said and "ZeroDivisionError" in said
    assert not sync.target(source).exists()
    with pytest.raises(SystemExit, match="no notebook has the number 55"):
        sync.sources(["55"])


def test_timings_survive_the_file(tmp_path):
    rows = {"b": dict(notebook="b", seconds="2.0", probe_s="0.1", cpus="2", device="cpu"),
            "a": dict(notebook="a", seconds="1.0", probe_s="0.1", cpus="2", device="cpu")}  # fmt: skip
    runner.write_timings(tmp_path / "t.csv", rows)
    assert runner.read_timings(tmp_path / "t.csv") == rows and list(runner.read_timings(tmp_path / "t.csv")) == ["a", "b"]


def test_progress_is_silent_when_nobody_watches(capsys, monkeypatch):
    monkeypatch.setenv("DISTILL_UNATTENDED", "1")
    assert not live_session()
    with progress_bar(0, 10, True, "x") as bar:
        bar.update_to(10)
    assert capsys.readouterr() == ("", "")


def test_importing_costs_little_more_than_torch():
    """At most 15 % over `import torch`: best of three each, in fresh processes."""
    seconds = {}
    for what in ("import torch", "import torch, distill_helpers"):
        code = f"import time; t = time.perf_counter(); {what}; print(time.perf_counter() - t)"
        runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ) for _ in range(3)]
        seconds[what] = min(float(r.stdout) for r in runs)
    plain, ours = seconds.values()
    assert ours <= 1.15 * plain, seconds
