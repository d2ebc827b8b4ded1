"""Every notebook runs from cold caches, without network, and gives the outputs and verdicts that are stored."""

import os
import subprocess
import sys
import time

import pytest

from distill_helpers.course import sync
from distill_helpers.course.paths import repository
from distill_helpers.course.runner import machine_probe, read_timings
from distill_helpers.course.verdicts import read_verdicts

ROOT = repository()
FLOOR = 30  # seconds under which a slow start is no fault of a notebook

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
        "PYTHONPATH": str(tmp_path / "guard"),
    }  # fmt: skip
    probe = machine_probe()
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--nbval", "--nbval-sanitize-with",
         "notebooks/nbval_sanitize.cfg", "--nbval-cell-timeout", "600", "--tb=short", str(sync.target(source).relative_to(ROOT))],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    assert done.returncode == 0, done.stdout[-6000:]
    row = read_timings(ROOT / "results" / "timings.csv").get(source.stem)
    assert row, f"results/timings.csv has no row for {source.stem}; run `make course`"
    # a slower machine is no fault of the notebook: its row is scaled by how long the same small piece of work takes here
    slower = max(1.0, max(probe, machine_probe()) / float(row["probe_s"]))
    allowed = max(FLOOR, 2 * float(row["seconds"])) * slower
    assert seconds < allowed, f"{source.stem} took {seconds:.0f} s; twice its row in results/timings.csv is {allowed:.0f} s here"
    compare_verdicts(source.stem[:2], tmp_path / "results")


def compare_verdicts(number, folder):
    """The verdict, and each yes, no and open behind it, must be what the course publishes; numbers may move."""

    def lines(where):
        return {
            (r["claim"], r["part"]): (r["verdict"], [(e["evidence"], e["holds"]) for e in r["stated"] + r["corrected"]])
            for r in read_verdicts(where)
            if r["notebook"] == number
        }

    assert lines(folder) == lines(ROOT / "results")
