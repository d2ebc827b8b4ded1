"""How much longer a command takes beside a busy process: one that multiplies matrices in a loop, on all threads.

    python benchmarks/busy.py -- .venv/bin/python -m pytest --nbval-lax --nbval-current-env notebooks/05_the_residual_student.ipynb
    python benchmarks/busy.py --load          the busy process alone, until Ctrl-C

The course's target: at most 2.5 times as long. Two equal programs on one machine take twice as long at best when both use all of it.
For the whole course: python benchmarks/busy.py --times 1 -- make course. Nothing else should run meanwhile.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import time

LOOP = "import torch\na = torch.randn(1024, 1024)\nprint('busy', flush=True)\nwhile True: a @ a"


@contextlib.contextmanager
def load():
    """A busy process, from its first product on to the end of the block; its threads wait as torch's do by default."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "KMP_", "MKL_"))}
    process = subprocess.Popen([sys.executable, "-c", LOOP], stdout=subprocess.PIPE, env=environment)
    try:
        process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def seconds_of(command) -> float:
    """Seconds of one run. Raises CalledProcessError when it fails."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main(given=None) -> int:
    """Print both times, the median of several each, and their ratio; returns the command's status when it fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=3, help="runs each way; the median counts")
    parser.add_argument("--load", action="store_true", help="only be busy")
    parser.add_argument("command", nargs="*", help="what to time, after --")
    options = parser.parse_args(given)
    if options.load:
        with load() as process, contextlib.suppress(KeyboardInterrupt):
            process.wait()
        return 0
    if not options.command or options.times < 1:
        parser.error("give a command after --, and --times of at least 1")
    try:
        alone = sorted(seconds_of(options.command) for _ in range(options.times))[options.times // 2]
        with load():
            busy = sorted(seconds_of(options.command) for _ in range(options.times))[options.times // 2]
    except subprocess.CalledProcessError as error:
        print(f"the command failed with status {error.returncode}")
        return error.returncode
    print(f"alone {alone:.1f} s, beside a busy process {busy:.1f} s: {busy / alone:.2f} times as long")
    return 0


if __name__ == "__main__":
    sys.exit(main())
