"""How many processor threads a training step is worth.

Sums depend on the number of threads (convolutions, layer norms, large reductions: a last digit or two), so the number follows
from the size of the work and from the machine's processors, never from a clock; equal calls on one machine give equal numbers.

Small work is slower on many threads: they wait for each other at every product, and beside a busy process that wait becomes a
time slice. Measured in benchmarks/threads.py on two cores (milliseconds a step on 1 / 2 threads, batches of 128, idle): eight
students of 26 k parameters 4.5 / 6.5, forty of them 19 / 18, a perceptron of 407 k 6 / 7, a teacher of 5.9 M 57 / 37, a
convolutional net of 1 GFLOP 30 / 20. The two are equal at about 0.3 GFLOP; a thread is added for every 0.54.
"""

import contextlib
import os

import torch

from distill_helpers.checks import InputError, whole

PER_THREAD = 2**29  # floating-point operations of one step's forward pass, all students together, that are worth one more thread


def flops_of(forward) -> int:
    """Floating-point operations of products, convolutions and attention in ``forward()``, a function without arguments.

    It is called once, without gradients. Recurrent layers and elementwise work are not counted.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        forward()
    return counter.get_total_flops()


def threads_for(flops: float) -> int:
    """Threads for a training step whose forward pass, over all students, takes ``flops`` operations.

    At most as many as torch has now (``OMP_NUM_THREADS``, ``torch.set_num_threads``). DISTILL_THREADS overrides all of it.
    Raises InputError when DISTILL_THREADS is no whole number of at least 1.
    """
    given = os.environ.get("DISTILL_THREADS")
    if given:
        if not given.isdecimal() or int(given) < 1:
            raise InputError(f"DISTILL_THREADS must be a whole number of at least 1, but {given!r} was given.")
        return int(given)
    return min(torch.get_num_threads(), 1 + int(flops // PER_THREAD))


@contextlib.contextmanager
def using_threads(count: int):
    """Compute on ``count`` threads inside the block, and on as many as before after it, whatever happens."""
    whole("threads", count, 1)
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield count
    finally:
        torch.set_num_threads(before)
