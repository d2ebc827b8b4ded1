"""Calls under randomness that follows from a few numbers, whichever common generator the called code draws from."""

import contextlib
import hashlib
import random

import numpy as np
import torch


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
    out of reach.
    """
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
