"""Preflight: is everything here that the course needs? Each line says OK, or what is wrong and the command that mends it."""

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from distill_helpers.checks import InputError
from distill_helpers.course.paths import cache_dir, data_dir, read_only_checkout, repository

SETUP = "make setup   (without make: see README.md)"
NEEDED = ("torch", "torchvision", "numpy", "matplotlib", "pandas", "scipy", "ipywidgets", "jupytext", "joblib", "psutil", "tqdm", "safetensors")


@dataclass(frozen=True)
class Check:
    """One line of the preflight: what was looked at, whether it is fine, what was found, and how to mend it."""

    what: str
    ok: bool
    found: str
    mend: str = ""

    def __str__(self):
        line = f"{'OK  ' if self.ok else '!!  '}{self.what}: {self.found}"
        return line if self.ok else f"{line}\n      mend it with: {self.mend}"


def checks() -> list[Check]:
    """All lines of the preflight, in order."""
    return [_python(), _packages(), _device(), _memory(), _disk(), _kernel(), _folder("cache folder", cache_dir), _folder("data folder", data_dir)]


def preflight() -> bool:
    """Print every line; True when all are OK."""
    lines = checks()
    for line in lines:
        print(line)
    return all(line.ok for line in lines)


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", sys.version_info >= (3, 11), found, f"install Python 3.11 or newer, delete .venv, then: {SETUP}")


def _packages() -> Check:
    missing = []
    for name in NEEDED:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    found = f"missing {', '.join(missing)}" if missing else f"torch {version('torch')}, torchvision {version('torchvision')}"
    return Check("packages", not missing, found, SETUP)


def _device() -> Check:
    import torch

    from distill_helpers.training.device import pick_device

    device = pick_device()
    try:
        works = bool((torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)).sum().item() == 512)
    except RuntimeError as error:
        return Check("device", False, f"{device} is there but fails: {error}", "CUDA_VISIBLE_DEVICES= make lab")
    named = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device}, {torch.get_num_threads()} threads"
    precision = "bf16 where it is fast" if device.type == "cuda" else "float32"
    hint = "" if device.type != "cpu" else " (no GPU in use; every notebook is made for this)"
    return Check("device", works, f"{named}, {precision}{hint}", SETUP)


def _memory() -> Check:
    try:
        import psutil
    except ModuleNotFoundError:
        return Check("memory", False, "unknown without psutil", SETUP)
    free = psutil.virtual_memory().available / 2**30
    return Check("memory", free > 2, f"{free:.1f} GiB free", "close other programs; the course needs 2 GiB")


def _disk() -> Check:
    mend = "free some space, or set DISTILL_CACHE to another disk"
    try:
        free = shutil.disk_usage(cache_dir()).free / 2**30
    except (OSError, InputError) as error:
        return Check("disk", False, f"unknown, since there is no cache folder ({error})", mend)
    return Check("disk", free > 1, f"{free:.0f} GiB free where the cache lies", mend)


def _kernel() -> Check:
    root = repository()
    ours = root is None or Path(sys.prefix).resolve() == (root / ".venv").resolve() or bool(os.environ.get("CONDA_PREFIX"))
    found = "the project's own environment" if ours else f"another environment ({Path(sys.prefix).name})"
    return Check("kernel", ours, found, "start JupyterLab with `make lab`, then Kernel > Change Kernel > Distillation course")


def _folder(what: str, place) -> Check:
    mend = f"set DISTILL_CACHE{' or DISTILL_DATA' if what.startswith('data') else ''} to a folder that you may write to"
    try:
        path = place()
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, InputError) as error:
        return Check(what, False, f"cannot be written ({getattr(error, 'strerror', None) or error})", mend)
    elsewhere = what.startswith("cache") and read_only_checkout()
    return Check(what, True, f"writable: {path} (the checkout is read-only)" if elsewhere else "writable")


if __name__ == "__main__":
    sys.exit(0 if preflight() else 1)
