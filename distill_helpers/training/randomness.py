"""Every random number of a run is a function of (seed, purpose, step), and of nothing that happened before."""

import hashlib
from contextlib import contextmanager

import torch


def generator_for(seed: int, purpose: str, step: int = 0, device="cpu") -> torch.Generator:
    """A fresh generator for one purpose of one seed at one step."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{step}".encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little") >> 1)


@contextmanager
def seeded(seed: int, purpose: str, step: int = 0, device="cpu"):
    """Within it torch's global generators, on the CPU and on ``device``, are seeded for this purpose; afterwards they are as they were.

    For code that draws from the global generator and cannot be told otherwise: layers such as dropout, builders of networks.
    """
    device, number = torch.device(device), generator_for(seed, purpose, step).initial_seed() % 2**63
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(number)
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(number)
        elif device.type == "mps":
            torch.mps.manual_seed(number)
        yield


def build_seeded(builder, seed: int, purpose: str = "init"):
    """Call ``builder()`` with torch's global generator seeded for this purpose, and leave that generator as it was."""
    with seeded(seed, purpose):
        return builder()


def data_order(seed: int, examples: int, batch_size: int, epoch: int) -> torch.Tensor:
    """Indices of one epoch, int64 [steps, batch]: a permutation, cut into full batches.

    A set smaller than one batch is repeated until it fills one.
    """
    generator = generator_for(seed, "order", epoch)
    copies = max(1, -(-batch_size // examples))
    order = torch.cat([torch.randperm(examples, generator=generator) for _ in range(copies)])
    steps = len(order) // batch_size
    return order[: steps * batch_size].view(steps, batch_size)


def view_numbers(seed: int, views: int, shape, epoch: int) -> torch.Tensor:
    """Which augmented view each example of the epoch is seen in, int64 of the given shape."""
    return torch.randint(views, tuple(shape), generator=generator_for(seed, "views", epoch))
