"""The student alone: written to a file, loaded in a fresh process that knows nothing but torch, and timed there."""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from distill_helpers.checks import InputError, whole

_FRESH = """
import json, statistics, sys, time
import torch
from safetensors.torch import load_file, save_file
path, inputs, outputs, repeats, threads = sys.argv[1:6]
torch.set_num_threads(int(threads))
begun = time.perf_counter()
model = torch.export.load(path).module()
load = time.perf_counter() - begun
x = load_file(inputs)["x"]
times = []
with torch.no_grad():
    for _ in range(10):
        y = model(x)
    for _ in range(int(repeats)):
        begun = time.perf_counter()
        y = model(x)
        times.append((time.perf_counter() - begun) * 1e3)
save_file({"y": y.contiguous()}, outputs)
low, median, high = statistics.quantiles(times, n=4)
assert "distill_helpers" not in sys.modules
print(json.dumps({"load_s": load, "median_ms": median, "low_ms": low, "high_ms": high}))
"""


@dataclass(frozen=True)
class Deployed:
    """file_bytes: size of the exported program. load_s: seconds to load it. median_ms, low_ms, high_ms: median and quartiles of
    one call in milliseconds. logits: what the fresh process computed."""

    file_bytes: int
    load_s: float
    median_ms: float
    low_ms: float
    high_ms: float
    logits: Tensor


def export_model(model: nn.Module, path, example: Tensor) -> Path:
    """Write ``model`` alone, code and weights, as a torch.export program for inputs shaped like ``example``; returns the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    model = model.eval().cpu()
    torch.export.save(torch.export.export(model, (example.cpu(),)), path)
    return path


def measure_in_fresh_process(path, inputs: Tensor, repeats: int = 200, threads: int = 1) -> Deployed:
    """Load the exported program in a new process that imports torch only, and time calls on ``inputs``.

    One thread by default, since a small model gains nothing from more and timings get steadier. Raises InputError when the
    file is missing or the process fails.
    """
    whole("repeats", repeats, 2)
    path = Path(path)
    if not path.exists():
        raise InputError(f"path must be an exported program, but {path.name!r} does not exist.")
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "x.safetensors", Path(folder) / "y.safetensors"
        save_file({"x": inputs.cpu().contiguous()}, given)
        command = [sys.executable, "-c", _FRESH, str(path), str(given), str(answer), str(repeats), str(threads)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            raise InputError(f"path {path.name!r} could not be run in a fresh process: {done.stderr.strip()[-300:]}")
        logits = load_file(answer)["y"]
    return Deployed(path.stat().st_size, **json.loads(done.stdout.splitlines()[-1]), logits=logits)
