"""Peak memory of a process that reads a stream, over some data and over ten times as many.

    python benchmarks/stream_memory.py [--samples 5000] [--workers 0]

Each sample is an image of 3 x 64 x 64 bytes. One process writes, one child reads the small stream and then the large one, an epoch
of each, and prints the most memory (resident set) that it, and its largest worker, had taken until then. "before" is the process
with everything imported and nothing read.

The children run with glibc's threshold for large blocks held at its default of 128 kB. glibc otherwise raises it to the size of the
blocks it sees, and the peak then holds freed batches too, up to 100 MB of them, whatever the amount of data.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHAPE, BATCH, PER_SHARD, BLOCK = (3, 64, 64), 64, 250, 1000
UNIT = 1024 if sys.platform != "darwin" else 1  # ru_maxrss is in kB on Linux, in bytes on macOS


def peak(who=resource.RUSAGE_SELF) -> float:
    """MB."""
    return resource.getrusage(who).ru_maxrss * UNIT / 1e6


def read(folders, workers: int):
    """One epoch of each stream, in this process; a line of JSON for each."""
    import torch

    from distill_helpers.data import Stream

    torch.set_num_threads(1)
    before = peak()
    for folder in folders:
        stream = Stream(folder, classes=10, block=BLOCK)
        size = sum(path.stat().st_size for path in Path(folder).glob("*.tar")) / 1e6
        begun, count = time.perf_counter(), 0
        for _, inputs, _, _ in stream.batches(0, BATCH, workers=workers, epochs=1):
            count += len(inputs)
        seconds = time.perf_counter() - begun
        print(json.dumps({
            "samples": len(stream), "data MB": size, "before MB": before, "peak MB": peak(),
            "worker MB": peak(resource.RUSAGE_CHILDREN) if workers else 0.0, "samples/s": count / seconds,
        }))  # fmt: skip


def write(folder, samples: int):
    """Noise, so that nothing is compressed or shared."""
    import numpy as np

    from distill_helpers.data import write_shards

    draw = np.random.default_rng(0)
    write_shards(folder, ((draw.integers(0, 256, SHAPE, dtype=np.uint8), i % 10) for i in range(samples)), PER_SHARD)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=5000, help="of the small stream; the large one has ten times as many")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--folder", help="where to write; a temporary folder by default")
    parser.add_argument("--json", action="store_true", help="one list of JSON instead of a table")
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        read(given.read, given.workers)
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        folders = [f"{folder}/once", f"{folder}/ten"]
        for place, samples in zip(folders, (given.samples, 10 * given.samples), strict=True):
            write(place, samples)
        command = [sys.executable, __file__, "--workers", str(given.workers), "--read", *folders]
        environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 17)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    if given.json:
        print(json.dumps(rows))
        return
    print(" ".join(f"{name:>12}" for name in rows[0]))
    for row in rows:
        print(" ".join(f"{value:12.0f}" for value in row.values()))


if __name__ == "__main__":
    main()
