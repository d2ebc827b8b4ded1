"""Every notebook runs from cold caches, without network, and gives the outputs and verdicts that are stored."""

import os
import subprocess
import sys

import pytest

from distill_helpers.course import sync
from distill_helpers.course.paths import repository
from distill_helpers.course.runner import read_timings
from distill_helpers.course.speed import children_seconds, machine_probe, patience
from distill_helpers.course.store import read_rows
from distill_helpers.course.verdicts import read_verdicts

ROOT = repository()
FLOOR = 30  # processor seconds under which a slow start is no fault of a notebook
MARGIN = 3  # times its row: two programs on one processor also lengthen each other's processor seconds

GUARD = """
import socket
_connect = socket.socket.connect
def connect(self, address):
    host = address[0] if isinstance(address, tuple) else ""
    if self.family in (socket.AF_INET, socket.AF_INET6) and not (host.startswith("127.") or host in ("::1", "localhost")):
        raise OSError(f"notebooks run without network, but a connection to {host} was tried")
    return _connect(self, address)
socket.socket.connect = connect
"""


def test_the_guard_blocks_the_network(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    probe = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=2)"
    done = subprocess.run([sys.executable, "-c", probe], env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True)
    assert "run without network" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("source", sync.sources(), ids=lambda s: s.stem)
def test_notebook(source, tmp_path):
    (tmp_path / "guard").mkdir()
    (tmp_path / "guard" / "sitecustomize.py").write_text(GUARD)
    environment = os.environ | {
        "DISTILL_UNATTENDED": "1", "DISTILL_CACHE": str(tmp_path / "cache"), "DISTILL_RESULTS": str(tmp_path / "results"),
        "PYTHONPATH": os.pathsep.join((str(tmp_path / "guard"), str(ROOT))),  # this checkout's package, wherever another one is installed
    }  # fmt: skip
    probe, spent = machine_probe()[1], children_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env", "--nbval-sanitize-with",
         "notebooks/nbval_sanitize.cfg", "--nbval-cell-timeout", str(int(patience(1200))), "--tb=short",
         str(sync.target(source).relative_to(ROOT))],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    seconds = children_seconds() - spent
    assert done.returncode == 0, done.stdout[-6000:]
    row = read_timings(ROOT / "results" / "timings.csv").get(source.stem)
    assert row, f"results/timings.csv has no row for {source.stem}; run `make course`"
    allowed = allowance(row, max(probe, machine_probe()[1]))
    assert seconds < allowed, f"{source.stem} took {seconds:.0f} processor seconds; its row in results/timings.csv allows {allowed:.0f} here"
    compare_verdicts(source.stem[3:], tmp_path / "results")


def allowance(row, probe: float) -> float:
    """Processor seconds that a notebook may take where the fixed piece of work takes ``probe``: its row, scaled by how slow this machine is.

    Where a row has no processor seconds, its probe was timed on the wall, on all processors at once: both count once for each.
    """
    old = not row["processor_s"]
    seconds, before = (float(row["seconds"]) * int(row["cpus"]), float(row["probe_s"]) * int(row["cpus"])) if old else (
        float(row["processor_s"]), float(row["probe_s"]))  # fmt: skip
    return max(FLOOR, MARGIN * seconds) * max(1.0, probe / before)


def test_a_notebook_is_allowed_its_own_time_scaled_by_the_machine():
    row = {"seconds": "50", "processor_s": "40", "probe_s": "0.2", "cpus": "2"}
    assert allowance(row, 0.2) == allowance(row, 0.1) == 120 and allowance(row, 0.4) == 240
    assert allowance(row | {"processor_s": "", "probe_s": "0.1"}, 0.4) == 600
    assert allowance(row | {"processor_s": "1"}, 0.2) == FLOOR


def compare_verdicts(lesson, folder):
    """The verdict, and each word behind it, must be what the course publishes; numbers may move."""

    def lines(where):
        return {
            (r["claim"], r["edition"], r["part"]): (r["verdict"], r.get("form"), [(e["evidence"], e["holds"]) for k in ("stated", "corrected")
                                                    for e in r.get(k, ())], [(x["key"], m["member"], m["word"]) for x in r.get("readings", ())
                                                                             for m in x["members"]])
            for r in read_verdicts(where) if r["lesson"] == lesson
        }  # fmt: skip

    def said(where):
        return {r["key"]: r["word"] for r in read_rows(where, "findings") if r["lesson"] == lesson}

    assert lines(folder) == lines(ROOT / "results")
    assert said(folder) == said(ROOT / "results")
