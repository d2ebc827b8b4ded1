"""Threads and busy machines: how many threads a step is worth, how they wait, and which cells a picture needs."""

import importlib.util
import json
import os
import re
import subprocess
import sys

import pytest
import torch
from slices import needed, read_and_bound

from distill_helpers.checks import InputError
from distill_helpers.course import kernel
from distill_helpers.course.paths import repository
from distill_helpers.models import BigMLP
from distill_helpers.training.threads import PER_THREAD, flops_of, threads_for, using_threads


@pytest.fixture
def four_threads(monkeypatch):
    monkeypatch.delenv("DISTILL_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_small_work_takes_one_thread_and_big_work_all(four_threads):
    assert [threads_for(f) for f in (0, 1e6, PER_THREAD - 1, PER_THREAD, 2.5 * PER_THREAD, 1e12)] == [1, 1, 1, 2, 3, 4]
    torch.set_num_threads(2)  # what the reader asked of torch is a bound
    assert threads_for(1e12) == 2 and threads_for(1e6) == 1


def test_the_environment_overrides(four_threads, monkeypatch):
    monkeypatch.setenv("DISTILL_THREADS", "3")
    assert threads_for(1) == threads_for(1e12) == 3
    for given in ("0", "two", "-1", "1.5"):
        monkeypatch.setenv("DISTILL_THREADS", given)
        with pytest.raises(InputError, match="DISTILL_THREADS must be a whole number of at least 1"):
            threads_for(1)


def test_the_callers_number_comes_back_whatever_happens(four_threads):
    with using_threads(1) as count:
        assert count == torch.get_num_threads() == 1
        with using_threads(2):
            assert torch.get_num_threads() == 2
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4
    with pytest.raises(ZeroDivisionError), using_threads(1):
        raise ZeroDivisionError
    assert torch.get_num_threads() == 4
    for wrong in (0, 1.5, None):
        with pytest.raises(InputError, match="threads"), using_threads(wrong):
            pass


def test_flops_are_counted_by_formula_and_leave_nothing_behind():
    net = BigMLP(64, 32, 2, 5)
    x = torch.rand(16, 64)
    products = sum(p.numel() for n, p in net.named_parameters() if p.dim() == 2)
    seen = torch.get_rng_state()
    assert flops_of(lambda: net(x)) == 2 * 16 * products
    assert torch.equal(torch.get_rng_state(), seen) and all(p.grad is None for p in net.parameters())


def fresh(code, **environment):
    """What a fresh process prints; its threads' variables are unset, and then as given."""
    clean = {k: v for k, v in os.environ.items() if k not in ("OMP_WAIT_POLICY", "KMP_BLOCKTIME")}
    return subprocess.run([sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True, check=True).stdout


def test_the_package_asks_threads_to_sleep_unless_told_otherwise():
    code = "import distill_helpers, os; print(os.environ['OMP_WAIT_POLICY'], os.environ['KMP_BLOCKTIME'])"
    assert fresh(code) == "PASSIVE 0\n"
    assert fresh(code, OMP_WAIT_POLICY="ACTIVE", KMP_BLOCKTIME="50") == "ACTIVE 50\n"
    assert kernel.SPECIFICATION["env"] == {"OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0"}


def test_the_library_that_torch_brings_heeds_it():
    """GNU's OpenMP says what it read; other libraries (macOS, conda) say nothing here."""
    said = subprocess.run([sys.executable, "-c", "import distill_helpers, torch; torch.ones(9) @ torch.ones(9)"], capture_output=True, text=True,
                          env={k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"} | {"OMP_DISPLAY_ENV": "true"}).stderr  # fmt: skip
    found = re.findall(r"OMP_WAIT_POLICY = '(\w+)'", said)
    if not found:
        pytest.skip("this torch brings an OpenMP that does not say how its threads wait")
    assert set(found) == {"PASSIVE"}


def benchmark():
    spec = importlib.util.spec_from_file_location("busy", repository() / "benchmarks" / "busy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_benchmark_times_a_command_alone_and_beside_a_busy_process(capsys):
    busy = benchmark()
    assert busy.main(["--times", "1", "--", sys.executable, "-c", "pass"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(r"alone [\d.]+ s, beside a busy process [\d.]+ s: [\d.]+ times as long", line)
    assert busy.main(["--times", "1", "--", sys.executable, "-c", "raise SystemExit(3)"]) == 3
    assert "failed" in capsys.readouterr().out


def test_the_busy_process_ends_with_the_benchmark():
    busy = benchmark()
    with busy.load() as process:
        assert process.poll() is None
    assert process.poll() is not None


CELLS = ["import a\nstart()", "data = load()", "net = train(data)", "other = train(data)", "net.add(1)",
         "def draw(x):\n    def inner():\n        return net(x)\n    return [inner() for k in range(3)]", "x = k = 5", "explore(draw)"]  # fmt: skip


def test_only_the_cells_that_a_picture_needs_are_chosen():
    cells = [{"cell_type": "code", "source": text} for text in CELLS]
    assert needed(cells, 7) == [0, 1, 2, 4, 5, 7]
    assert needed(cells, 3) == [0, 1, 3]
    assert read_and_bound("y = x + 1\nz = y\nd[0] = q\nfor i in y: i.m()") == ({"x", "d", "q"}, {"y", "z", "d", "i"})


def test_every_picture_of_the_course_needs_fewer_cells_than_there_are():
    for path in sorted((repository() / "notebooks").glob("*.ipynb")):
        cells = [c | {"source": "".join(c["source"])} for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        for place, cell in enumerate(cells):
            if cell["cell_type"] == "code" and "dh.explore(" in cell["source"]:
                chosen = needed(cells, place)
                assert chosen[-1] == place and len(chosen) < sum(c["cell_type"] == "code" for c in cells[: place + 1]), path.name
