"""A model alone: written to a file, loaded in a fresh process that knows nothing but torch, and timed there."""

import copy
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from distill_helpers.checks import InputError, finite, whole

# Inputs and outputs travel as raw bytes, so that the process needs no library but torch.
_FRESH = """
import json, pathlib, statistics, sys, time
import torch
program, given, answer, settings = sys.argv[1:]
settings = json.loads(settings)
torch.set_num_threads(settings["threads"])
x = torch.frombuffer(bytearray(pathlib.Path(given).read_bytes()), dtype=torch.float32).view(settings["shape"])
torch.export.load(program)  # the first load also imports the parts of torch that it needs
begun = time.perf_counter()
model = torch.export.load(program).module()
load = time.perf_counter() - begun
times = []
with torch.no_grad():
    logits = torch.cat([model(part) for part in x.split(settings["batch"])])
    part = x[:settings["batch"]]
    for _ in range(10):
        model(part)
    for _ in range(settings["repeats"]):
        begun = time.perf_counter()
        model(part)
        times.append((time.perf_counter() - begun) * 1e3)
pathlib.Path(answer).write_bytes(bytes(logits.float().contiguous().flatten().view(torch.uint8).tolist()))
assert "distill_helpers" not in sys.modules
low, median, high = statistics.quantiles(times, n=4)
print(json.dumps({"load_s": load, "median_ms": median, "low_ms": low, "high_ms": high, "classes": logits.shape[-1]}))
"""


@dataclass(frozen=True, eq=False)
class Deployed:
    """file_bytes: size of the exported program. load_s: seconds to load it, torch's own import not counted.

    median_ms, low_ms, high_ms: median and quartiles of one call, in milliseconds, for ``batch`` inputs on ``threads`` threads.
    logits: what the fresh process computed for all inputs, float32 [N, C].
    """

    file_bytes: int
    load_s: float
    median_ms: float
    low_ms: float
    high_ms: float
    batch: int
    threads: int
    logits: Tensor


def export_model(model: nn.Module, path, example: Tensor) -> Path:
    """Write ``model`` alone, code and weights, as a torch.export program; returns the path.

    The program runs on the CPU, in evaluation mode, for any number of inputs shaped like those of ``example`` ([B, ...]).
    ``model`` itself is left as it was. Raises InputError for an example that is not a batch.
    """
    if not isinstance(example, Tensor) or example.dim() < 2 or len(example) < 1:
        given = list(example.shape) if isinstance(example, Tensor) else type(example).__name__
        raise InputError(f"example must be a batch of inputs [B, ...], but {given} was given.")
    if not isinstance(model, nn.Module):
        raise InputError(f"model must be a torch.nn.Module, but {type(model).__name__} was given.")
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # torch.export takes sizes 0 and 1 for constants, so a batch of two is traced
    pair = example[:1].cpu().expand(2, *example.shape[1:]).contiguous()
    alone = copy.deepcopy(model).cpu().eval()
    torch.export.save(torch.export.export(alone, (pair,), dynamic_shapes=({0: torch.export.Dim("batch")},)), path)
    return path


def measure_in_fresh_process(path, inputs: Tensor, repeats: int = 200, threads: int = 1, batch: int = 1) -> Deployed:
    """Load the exported program in a new process that imports torch only; time calls on the first ``batch`` of ``inputs``.

    inputs: float32 [N, ...]; all are answered, ``batch`` at a time. One thread by default: a small model gains little from
    more, and timings get steadier. Ten calls are made before the clock starts. Raises InputError when the file is missing,
    is no exported program, or does not take such inputs.
    """
    whole("repeats", repeats, 2)
    whole("threads", threads)
    whole("batch", batch)
    if not isinstance(inputs, Tensor) or inputs.dim() < 2:
        given = list(inputs.shape) if isinstance(inputs, Tensor) else type(inputs).__name__
        raise InputError(f"inputs must be a batch [N, ...], but {given} was given.")
    path = Path(path)
    if not path.exists():
        raise InputError(f"path must be an exported program, but {path.name!r} does not exist.")
    if batch > len(inputs):
        raise InputError(f"batch must be at most the {len(inputs)} inputs, but {batch} was given.")
    finite("inputs", inputs)
    settings = {"repeats": repeats, "threads": threads, "batch": batch, "shape": list(inputs.shape)}
    with tempfile.TemporaryDirectory() as folder:
        given, answer = Path(folder) / "inputs", Path(folder) / "logits"
        given.write_bytes(inputs.detach().cpu().float().contiguous().numpy().tobytes())
        command = [sys.executable, "-c", _FRESH, str(path.resolve()), str(given), str(answer), json.dumps(settings)]
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder)
        if done.returncode:
            why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise InputError(f"path {path.name!r} could not be run in a fresh process: {why}")
        said = json.loads(done.stdout.splitlines()[-1])
        logits = torch.frombuffer(bytearray(answer.read_bytes()), dtype=torch.float32).view(-1, said.pop("classes"))
    return Deployed(path.stat().st_size, batch=batch, threads=threads, logits=logits, **said)
