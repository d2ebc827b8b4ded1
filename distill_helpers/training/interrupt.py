"""Stopping cleanly: Ctrl-C or "interrupt kernel" ends the loop at the next step boundary, not in the middle of an update."""

import signal
import threading


class Interruptible:
    """A context in which the first interrupt only sets ``stopped``; a second one raises KeyboardInterrupt as usual."""

    stopped = False

    def __enter__(self):
        self._previous = None
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._stop)
        return self

    def _stop(self, *_):
        self.stopped = True
        signal.signal(signal.SIGINT, self._previous)

    def __exit__(self, *_):
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
