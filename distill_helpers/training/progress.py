"""A progress bar in a live session, silence when unattended."""

import os
import sys


def live_session() -> bool:
    """True in a terminal or a notebook that somebody watches; DISTILL_UNATTENDED=1 says that nobody does."""
    if os.environ.get("DISTILL_UNATTENDED"):
        return False
    return "ipykernel" in sys.modules or sys.stderr.isatty()


class ProgressBar:
    """A watcher that shows a bar over the steps (by tqdm, where it is installed) and removes it at the end."""

    def __init__(self, run, wanted: bool = True):
        self.bar, self.end, self.run = None, run.recipe.steps, run
        self.wanted = wanted and live_session()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.bar is not None:
            self.bar.close()

    def __call__(self, run):
        if self.wanted and self.bar is None:
            try:
                from tqdm import tqdm
            except ImportError:
                self.wanted = False
                return
            self.bar = tqdm(total=self.end, desc=run.names[0], unit=" steps", leave=False)
        if self.bar is not None:
            self.bar.update(run.step - self.bar.n)
