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


@contextlib.contextmanager
def seeded(*parts):
    """Python's, numpy's and torch's global generators (torch's of the CPU) seeded from ``parts``, and as they were afterwards.

    Generators that the called code made for itself, and those of a GPU, are out of reach.
    """
    before = random.getstate(), np.random.get_state(), torch.default_generator.get_state()
    number = number_from(*parts)
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.default_generator.manual_seed(number)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.default_generator.set_state(before[2])
