"""Calls under randomness that follows from a few numbers, whichever common generator the called code draws from."""

import contextlib
import hashlib
import os
import random
import threading

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

LOCK = threading.RLock()  # the generators are one set for all threads


def _new_lock():
    global LOCK
    LOCK = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)  # the thread that held it is not there


def number_from(*parts) -> int:
    """63 bits that depend on the parts, as text, and on nothing else."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def seeded(*parts):
    """Python's, numpy's and torch's global generators seeded from ``parts`` inside the block, and as they were afterwards."""
    return all_seeded(number_from(*parts))


@contextlib.contextmanager
def all_seeded(number: int, device="cpu"):
    """Python's, numpy's and torch's global generators begin with ``number`` inside the block, and are as they were afterwards.

    torch's are those of the CPU and of ``device``, or of the GPU in use where one is. Generators that the called code made for itself are
    out of reach, and so are threads that draw without asking here; those that ask wait for each other.
    """
    with LOCK:
        yield from _all_seeded(number, device)


def _all_seeded(number: int, device):
    device = torch.device(device)
    gpus = [device] if device.type == "cuda" else [torch.device("cuda", torch.cuda.current_device())] if torch.cuda.is_initialized() else []
    before = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=gpus):
            random.seed(number)
            np.random.seed(number % 2**32)
            torch.default_generator.manual_seed(number)
            for gpu in gpus:
                with torch.cuda.device(gpu):
                    torch.cuda.manual_seed(number)
            if device.type == "mps":
                torch.mps.manual_seed(number)
            yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def generator_states(device="cpu") -> bytes:
    """Where Python's, numpy's and torch's global generators stand, to see whether something drew from them."""
    state = np.random.get_state()
    parts = [repr(random.getstate()).encode(), state[1].tobytes(), str(state[2:]).encode(), torch.get_rng_state().numpy().tobytes()]
    if torch.device(device).type == "cuda":
        parts.append(torch.cuda.get_rng_state(device).numpy().tobytes())
    return b"|".join(parts)


def draws(call, device="cpu") -> tuple[bool, object]:
    """(whether ``call()`` draws from one of the global generators, what it returned).

    Another thread may draw meanwhile: where a generator has moved, the call is made again and watched, and is believed when an operation of its
    own draws, or when a generator moves each time.
    """
    for attempt in range(8):
        watch = DrawsSeen() if attempt else contextlib.nullcontext()
        with all_seeded(0, device):
            before = generator_states(device)
            with watch:
                result = call()
            moved = generator_states(device) != before
        if not moved or (attempt and watch.seen):
            return moved, result
    return True, result


class DrawsSeen(TorchDispatchMode):
    """Sees whether this thread's operations draw from torch's global generators."""

    seen = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if torch.Tag.nondeterministic_seeded in func.tags and (kwargs or {}).get("generator") is None:
            self.seen = True
        return func(*args, **(kwargs or {}))
