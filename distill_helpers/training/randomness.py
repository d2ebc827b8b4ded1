"""Every random number of a run is a function of (seed, purpose, step), and of nothing that happened before."""

import hashlib

import torch

from distill_helpers.data.seeded import all_seeded


def generator_for(seed: int, purpose: str, step: int = 0, device="cpu") -> torch.Generator:
    """A fresh generator for one purpose of one seed at one step."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{step}".encode(), digest_size=8).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest, "little") >> 1)


def seeded(seed: int, purpose: str, step: int = 0, device="cpu"):
    """Within it the global generators of Python, numpy and torch (``data.seeded.all_seeded``) are seeded for this purpose.

    For code that draws from a global generator and cannot be told otherwise: layers such as dropout, builders of networks.
    """
    return all_seeded(generator_for(seed, purpose, step).initial_seed() % 2**63, device)


def build_seeded(builder, seed: int, purpose: str = "init"):
    """Call ``builder()`` with the global generators seeded for this purpose, and leave them as they were."""
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
