"""Training on a stream that is larger than the memory it may take, in a process of its own: how much memory is resident, step by step.

    python -m distill_helpers.course.lessons.imagenet.memory FOLDER LIMIT_MB CLASSES

The process trains a student for one epoch of the shards in FOLDER. After the first steps, when everything is loaded, it binds itself to
LIMIT_MB of further memory (on Linux, where the system refuses what is beyond). At the end it tries what a stream is there to avoid: to hold all
pictures at once.
"""

import json
import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

from distill_helpers.checks import InputError, needed, positive, whole
from distill_helpers.data.generated import write_emoji_shards

BATCH, BLOCK, PER_SHARD, WARM, SIZE = 32, 1000, 500, 10, 64
MARGIN = 8.0  # MB: memory is called flat when it rises by no more after the first steps
LINUX = sys.platform.startswith("linux")


def written(folder, pictures: int, classes: int, seed: int = 0) -> Path:
    """The shards of so many pictures at 64 pixels, written where they are not there yet; fifty pictures are in memory at a time."""
    folder = Path(folder)
    if not list(folder.glob("*.tar")):
        write_emoji_shards(folder, pictures, seed, classes=classes, size=SIZE, per_shard=PER_SHARD)
    return folder


def measured(folder, limit: float, classes: int, program=None) -> dict:
    """What a fresh process finds: rows [{"step", "resident"}] with MB, "data" (MB of all pictures as they are in memory), "limit", "bound" (whether
    the system enforced the limit), "held" (whether all pictures together could be held), "pictures" and "loss" of the last steps.

    limit: MB beyond what the process has after its first steps. program: a file to run in place of this module.
    Raises InputError for a limit that is not below the size of the data, and for a process that fails, with what it said.
    """
    positive("limit", limit)
    whole("classes", classes, 2)
    from distill_helpers.data import Stream

    data = len(Stream(folder)) * 3 * SIZE * SIZE / 1e6
    if limit >= data:
        raise InputError(f"limit must be below the size of the data in memory, {data:.0f} MB, but {limit:g} was given.")
    here = ["-m", __name__] if program is None else [str(program)]
    # freed blocks go back to the system at once, so that what is resident is what is held
    quiet = {**os.environ, "MALLOC_MMAP_THRESHOLD_": str(1 << 17), "MALLOC_ARENA_MAX": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *here, str(folder), str(limit), str(classes)], capture_output=True, text=True, env=quiet)
    if done.returncode:
        raise InputError(f"the process that trains on the stream failed: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout.splitlines()[-1]) | {"data": data}


def rise(found: dict) -> float:
    """MB by which resident memory rose, at most, after the first steps."""
    after = [row["resident"] for row in found["rows"] if row["step"] >= WARM]
    return max(after) - after[0]


def flat(found: dict) -> bool:
    """Whether resident memory rose by no more than MARGIN after the first steps."""
    return rise(found) <= MARGIN


def resident() -> float:
    """MB of this process that lie in memory; where the system does not say, the most that ever did."""
    if LINUX:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    resource = needed("resource")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def bind(limit: float) -> bool:
    """Let this process have no more than ``limit`` MB beyond what it has; False where the system has no such limit."""
    if not LINUX:
        return False
    resource = needed("resource")
    has = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (has * 1024 + int(limit * 1e6),) * 2)
    return True


def main(folder: str, limit: float, classes: int) -> dict:
    """Train for one epoch and look at memory in each step."""
    import torch

    from distill_helpers.course.lessons.imagenet.task import small
    from distill_helpers.data import Stream
    from distill_helpers.training.randomness import build_seeded

    torch.set_num_threads(1)
    stream, net = Stream(folder, classes=classes, block=BLOCK), build_seeded(lambda: small(classes), 0)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.01)
    rows, losses, bound = [], [], False
    for step, (_, x, y, _) in enumerate(stream.batches(0, BATCH, epochs=1)):
        loss = torch.nn.functional.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        rows.append({"step": step, "resident": round(resident(), 2)})
        if step == WARM:
            bound = bind(limit)
    return {"rows": rows, "limit": limit, "bound": bound, "held": _all_at_once(stream), "pictures": len(stream),
            "loss": sum(losses[-WARM:]) / WARM}  # fmt: skip


def _all_at_once(stream) -> bool:
    """Whether all pictures can be held in memory together; asked of the system by writing into as many bytes."""
    import torch

    try:
        torch.ones(len(stream), 3, SIZE, SIZE, dtype=torch.uint8)
    except (MemoryError, RuntimeError):
        return False
    return True


def some(found: dict, most: int = 200) -> list[dict]:
    """The rows, thinned to at most so many."""
    each = -(-len(found["rows"]) // most)
    return list(islice(found["rows"], 0, None, each))


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))))
