"""The first line of every notebook."""

import os
import random

import numpy as np
import torch

from distill_helpers.checks import one_of, whole
from distill_helpers.course.context import enter
from distill_helpers.course.paths import cache_dir, read_only_checkout
from distill_helpers.show.figure import style
from distill_helpers.training.device import pick_device


def start(seed: int = 0, device: str = "auto", lesson: str | None = None) -> None:
    """Seed everything, set the plot style, name the cache folder, and print the device statement.

    lesson: its name in the catalogue, for verdicts and findings, which are recorded as its own.
    DISTILL_PROFILE chooses "default" (bundled data, minutes on a CPU) or "full" (public data sets, a GPU).
    Raises InputError for a device that is not there, a negative seed, an unknown profile or lesson, or a cache that cannot be written.
    """
    whole("seed", seed, 0)
    chosen = pick_device(device)
    profile = os.environ.get("DISTILL_PROFILE", "default")
    enter(lesson)
    one_of("DISTILL_PROFILE", profile, ("default", "full"))
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    os.environ["DISTILL_CACHE"] = str(cache_dir())
    if read_only_checkout():
        print(f"The checkout is read-only; what is kept between runs lies in {os.environ['DISTILL_CACHE']}.")
    style()
    kind = {"cpu": "CPU", "cuda": "CUDA GPU", "mps": "Apple GPU"}[chosen.type]
    print(f"Device: {kind}. Precision: {'bf16 where it is fast' if chosen.type == 'cuda' else 'float32'}. "
          f"Profile: {profile}. Seed: {seed}.")  # fmt: skip
