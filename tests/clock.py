"""Time as tests judge it: processor seconds of this process, which other programs do not lengthen much, beside a fixed piece of work."""

import time

import torch


def processor_seconds(call, repeats: int = 5) -> float:
    """Processor seconds of ``call()``, of all its threads, the least of several."""
    least = float("inf")
    for _ in range(repeats):
        begun = time.process_time()
        call()
        least = min(least, time.process_time() - begun)
    return least


def reference_seconds() -> float:
    """Processor seconds of a fixed product on one thread: about 0.1 on the machine of results/timings.csv, more on a slower one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        a = torch.ones(512, 512)
        return processor_seconds(lambda: [(a @ a).relu_().sum() for _ in range(75)], 3)
    finally:
        torch.set_num_threads(threads)
