"""How fast this machine is just now, by a fixed piece of work, and the processor's own seconds."""

import os
import time

WORK = 150  # products of 512 x 512: about 0.2 processor seconds where results/timings.csv was measured
WALL = 0.2  # seconds of it there, on one thread of an idle machine


def machine_probe() -> tuple[float, float]:
    """(seconds, processor seconds) of the fixed piece of work on one thread, each the least of three. A busy machine lengthens the first."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        a, best, least = torch.ones(512, 512), float("inf"), float("inf")
        for _ in range(3):
            begun, spent = time.perf_counter(), time.process_time()
            for _ in range(WORK):
                (a @ a).relu_().sum()
            best, least = min(best, time.perf_counter() - begun), min(least, time.process_time() - spent)
        return best, least
    finally:
        torch.set_num_threads(threads)


def children_seconds() -> float:
    """Processor seconds of all processes that this one started and that have ended, with theirs; a difference measures one of them."""
    times = os.times()
    return times.children_user + times.children_system


def patience(seconds: float) -> float:
    """A bound against hanging, in seconds: what is ``seconds`` on an idle machine, longer on a slow or a busy one."""
    return seconds * max(1.0, machine_probe()[0] / WALL)
