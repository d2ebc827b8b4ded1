"""Milliseconds of a training step on one thread and on all, over sizes of nets: where PER_THREAD of training/threads.py comes from.

    python benchmarks/threads.py

Each line: the net, students in the stack, the forward pass of one step, milliseconds on 1 thread and on all, and what is chosen.
Best of three; on an idle machine. Run it again beside ``python benchmarks/busy.py --load`` for a busy one.
"""

import os

import torch
from torch import nn

import distill_helpers  # noqa: F401, I001  (before torch: it chooses how threads wait)
from distill_helpers.data import load_digits
from distill_helpers.models import BigMLP, digits_student, digits_teacher
from distill_helpers.strategies import HardLabels
from distill_helpers.training import Recipe, distill
from distill_helpers.training.threads import flops_of, threads_for, using_threads

BATCH = 128


def conv(width: int):
    """Two convolutions and a linear layer."""
    return nn.Sequential(nn.Conv2d(1, width, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(width, 2 * width, 3, padding=1), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 10))  # fmt: skip


CASES = [("student, 26 k", digits_student, 1), ("student, 26 k", digits_student, 8), ("student, 26 k", digits_student, 40),
         ("MLP of width 512", lambda: BigMLP(784, 512, 2, 10), 1), ("MLP of width 1024", lambda: BigMLP(784, 1024, 2, 10), 1),
         ("teacher, 5.9 M", digits_teacher, 1), ("teacher, 5.9 M", digits_teacher, 4),
         ("conv of width 8", lambda: conv(8), 1), ("conv of width 32", lambda: conv(32), 1), ("conv of width 32", lambda: conv(32), 4)]  # fmt: skip


def milliseconds(build, students: int, threads: int, steps: int) -> float:
    """One step of ``students`` students, best of three; the override makes the training loop use these threads too."""
    os.environ["DISTILL_THREADS"] = str(threads)
    try:
        with using_threads(threads):
            recipe = Recipe(steps=steps, batch_size=BATCH, lr=1e-3)
            runs = [distill(build, None, load_digits().train, HardLabels(), seeds=tuple(range(students)), recipe=recipe, progress=False)
                    for _ in range(3)]  # fmt: skip
    finally:
        del os.environ["DISTILL_THREADS"]
    return min(run.seconds for run in runs) / steps * 1e3


def main():
    """Print the table."""
    every, x = torch.get_num_threads(), torch.randn(BATCH, 1, 28, 28)
    print(f"{'net':20} students   GFLOP   1 thread  {every} threads  chosen")
    for name, build, students in CASES:
        net = build()
        flops = flops_of(lambda net=net: net(x)) * students
        steps = 5 if flops > 2**29 else 30
        one, all_ = (milliseconds(build, students, n, steps) for n in (1, every))
        print(f"{name:20} {students:8} {flops / 1e9:7.2f} {one:10.1f} {all_:10.1f} {threads_for(flops):7}", flush=True)


if __name__ == "__main__":
    main()
