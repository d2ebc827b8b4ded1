"""Stores that several processes change at once: no row is lost, and a place that cannot be written is said."""

import csv
import subprocess
import sys

import pytest

from distill_helpers.checks import InputError
from distill_helpers.course import predictions, runner, store
from distill_helpers.course.paths import results_dir

PROCESSES, ROWS = 4, 50
WRITERS = {
    "findings": "from distill_helpers.course.findings import finding\n"
                "put = lambda n: finding(f'p{me}.r{n}', 'A number that was counted comes out as {}.', n, holds=True, lesson='soft_targets')",
    "verdicts": "from distill_helpers.course.store import replace_verdict\nfrom distill_helpers.course.paths import results_dir\n"
                "put = lambda n: replace_verdict(results_dir(), dict(claim=f'C{me}', edition=2, part=str(n), lesson='soft_targets'))",
    "predictions": "from distill_helpers.course import predictions\n"
                   "def put(n):\n"
                   "    predictions._asked[f'p{me}.r{n}'] = ('Which of the two?', ('a', 'b'))\n"
                   "    predictions._remember(f'p{me}.r{n}', expected='a')",
    "timings": "from pathlib import Path\nfrom distill_helpers.course import runner\nfrom distill_helpers.course.paths import results_dir\n"
               "row = dict.fromkeys(runner.FIELDS, '1')\n"
               "put = lambda n: runner.update_timings(results_dir() / 'timings.csv', row | {'notebook': f'{me}-{n}'})",
}  # fmt: skip


def read(kind, folder):
    if kind == "predictions":
        return len(predictions.read_answers())
    if kind == "timings":
        with (folder / "timings.csv").open(newline="") as file:
            return len(list(csv.DictReader(file)))
    return len(store.read_rows(folder, kind))


@pytest.mark.parametrize("kind", WRITERS)
def test_no_row_of_four_processes_is_lost(kind, tmp_path, monkeypatch):
    for name in ("DISTILL_RESULTS", "DISTILL_CACHE"):
        monkeypatch.setenv(name, str(tmp_path))
    # all wait until each has been imported, so that they write together
    code = f"import sys, time, pathlib\nme = int(sys.argv[1])\n{WRITERS[kind]}\nhere = pathlib.Path(sys.argv[2])\n" \
           f"(here / f'ready{{me}}').touch()\nwhile len(list(here.glob('ready*'))) < {PROCESSES}: time.sleep(0.01)\n" \
           f"for n in range({ROWS}): put(n)\n"  # fmt: skip
    writers = [subprocess.Popen([sys.executable, "-c", code, str(me), str(tmp_path)], stdout=subprocess.DEVNULL) for me in range(PROCESSES)]
    assert [writer.wait(300) for writer in writers] == [0] * PROCESSES
    assert read(kind, tmp_path) == PROCESSES * ROWS
    assert not list(tmp_path.glob("*.damaged.json")) and not list(tmp_path.glob("*part*"))


def test_a_change_that_fails_frees_the_store(tmp_path):
    store.write_rows(tmp_path, "findings", [{"key": "a.b"}])
    with pytest.raises(ZeroDivisionError):
        store.update_rows(tmp_path, "findings", lambda rows: 1 / 0)
    store.update_rows(tmp_path, "findings", lambda rows: [*rows, {"key": "c.d"}])
    assert [row["key"] for row in store.read_rows(tmp_path, "findings")] == ["a.b", "c.d"]


def test_a_store_that_another_process_holds_is_waited_for_and_then_said(tmp_path, monkeypatch):
    filelock = pytest.importorskip("filelock")
    monkeypatch.setattr(store, "PATIENCE", 0.1)
    with store.locked(tmp_path / "findings.json"), pytest.raises(filelock.Timeout, match="findings"):
        store.update_rows(tmp_path, "findings", lambda rows: rows)


def test_timings_of_other_notebooks_stay(tmp_path):
    for name in ("02_b", "01_a"):
        runner.update_timings(tmp_path / "timings.csv", dict.fromkeys(runner.FIELDS, "") | {"notebook": name})
    assert list(runner.read_timings(tmp_path / "timings.csv")) == ["01_a", "02_b"]


def test_a_place_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("a file, no folder")
    monkeypatch.setenv("DISTILL_RESULTS", str(tmp_path / "taken"))
    with pytest.raises(InputError, match="DISTILL_RESULTS must be a folder that you may write to"):
        results_dir()
    read_only = tmp_path / "read_only"
    read_only.mkdir()
    monkeypatch.setenv("DISTILL_RESULTS", str(read_only))
    monkeypatch.setattr("distill_helpers.course.paths.os.access", lambda *_: False)  # what a folder without write permission says
    from distill_helpers.course.findings import finding

    with pytest.raises(InputError, match="may not be written to"):
        finding("a.b", "A number that was counted comes out as {}.", 1, holds=True, lesson="soft_targets")
