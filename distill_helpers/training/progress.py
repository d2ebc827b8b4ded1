"""A progress bar in a live session, silence when unattended."""

import os
import sys
from contextlib import contextmanager

from tqdm import tqdm


def live_session() -> bool:
    """True in a terminal or a notebook that somebody watches; DISTILL_UNATTENDED=1 says that nobody does."""
    if os.environ.get("DISTILL_UNATTENDED"):
        return False
    return "ipykernel" in sys.modules or sys.stderr.isatty()


@contextmanager
def progress_bar(start: int, end: int, wanted: bool, label: str):
    """A bar over steps that removes itself at the end; ``update_to(step)`` moves it."""
    bar = tqdm(total=end, initial=start, desc=label, unit=" steps", leave=False, disable=not (wanted and live_session()))
    bar.update_to = lambda step: bar.update(step - bar.n)
    try:
        yield bar
    finally:
        bar.close()
