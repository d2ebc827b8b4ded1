"""Whether two names of devices mean one device, and how much memory is free there."""

import os
from pathlib import Path

import torch

from distill_helpers.checks import InputError


def same_device(a, b) -> bool:
    """Whether two devices, each a torch.device or its name, are one: "cuda" is the current cuda:<n>, "cpu" is "cpu:0".

    Raises InputError for a name that torch does not know.
    """
    return _numbered(a) == _numbered(b)


def _numbered(device) -> tuple[str, int]:
    try:
        device = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"device must be a torch.device or its name, such as 'cpu' or 'cuda:0', but {device!r} was given.") from error
    if device.index is not None:
        return device.type, device.index
    current = torch.cuda.current_device() if device.type == "cuda" and torch.cuda.is_available() else 0
    return device.type, current


def free_memory(device="cpu") -> int | None:
    """Bytes that can still be taken on ``device``; None where the system does not say.

    On Linux MemAvailable, or what a control group (version 2 or 1) leaves where that is less; elsewhere the free pages.
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    if device.type == "meta":
        return None
    known = [value for value in (_available(), _left_in_group()) if value is not None]
    return min(known) if known else None


def must_fit(name: str, size: int, device="cpu", advice: str = "", say_from: float = 0.1) -> None:
    """Say how large ``name`` will be where it takes at least ``say_from`` of the free memory; raise InputError where it cannot fit."""
    free = free_memory(device)
    if free is None:
        return
    if size > free:
        raise InputError(f"{name} would take {in_words(size)} of memory, but {in_words(free)} are free{'; ' + advice if advice else ''}.")
    if size >= say_from * free:
        print(f"{name}: {in_words(size)} of memory are needed, {in_words(free)} are free.")


def in_words(size: int) -> str:
    """A number of bytes for people: 512 B, 3.1 MB, 12.8 GB (powers of 1000)."""
    for unit, one in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size} B"


def _available() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _left_in_group() -> int | None:
    root = Path("/sys/fs/cgroup")
    for limit, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        try:
            allowed, taken = ((root / name).read_text(encoding="ascii").strip() for name in (limit, used))
        except OSError:
            continue
        if allowed.isdigit() and int(allowed) < 1 << 60:
            return max(0, int(allowed) - int(taken))
    return None
