"""The order in which a stream is read: a pure function of (seed, epoch, position).

An epoch puts the shards in a shuffled order, end to end, cuts this line into blocks, and shuffles within each block. What is held
is one number a shard and the present block, never a permutation of all examples. Examples mix with those of the same block, which
are those of shards that happen to be neighbours in this epoch; a block of several shards mixes well where the shards themselves were
written in random order. A block as long as the stream gives a full shuffle, and an example is then read from any shard at any time.
"""

from functools import lru_cache

import numpy as np

from distill_helpers.checks import whole
from distill_helpers.data.seeded import number_from


def keyed_permutation(count: int, *key) -> np.ndarray:
    """A permutation of 0 ... count - 1, int64, that follows from ``key`` alone, on every machine and in every version.

    Numbers sorted by splitmix64 of their place and the key (Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators",
    OOPSLA 2014, figure 16).
    """
    return mixed(np.arange(count, dtype=np.uint64), *key).argsort(kind="stable")


def mixed(numbers: np.ndarray, *key) -> np.ndarray:
    """splitmix64 of uint64 numbers under a key: 64 bits each that look random."""
    with np.errstate(over="ignore"):
        z = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(number_from(*key))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


class StreamOrder:
    """Which example lies at which position. counts: how many examples each shard holds. block: how many are shuffled together.

    Positions run on through the epochs: position p is place p mod N of epoch p // N.
    """

    def __init__(self, counts, seed: int, block: int):
        whole("seed", seed, 0)
        whole("block", block)
        self.counts = np.asarray(counts, dtype=np.int64)
        self.begins = np.concatenate([[0], self.counts.cumsum()])
        self.total, self.seed, self.size = int(self.counts.sum()), seed, block
        self._shards, self._block = lru_cache(2)(self._shards_of), lru_cache(4)(self._block_of)

    def __reduce__(self):
        return type(self), (self.counts, self.seed, self.size)

    def index(self, positions) -> np.ndarray:
        """The numbers of the examples at ``positions``, int64 of the same length."""
        positions = np.asarray(positions, dtype=np.int64)
        epochs, places = np.divmod(positions, self.total)
        blocks, within = np.divmod(places, self.size)
        found = np.empty_like(positions)
        for epoch, block in {*zip(epochs.tolist(), blocks.tolist(), strict=True)}:
            here = (epochs == epoch) & (blocks == block)
            found[here] = self._block(epoch, block)[within[here]]
        return found

    def _block_of(self, epoch: int, block: int) -> np.ndarray:
        first = block * self.size
        count = min(self.size, self.total - first)
        line = first + keyed_permutation(count, self.seed, "block", epoch, block)
        shards, ends = self._shards(epoch)
        place = ends.searchsorted(line, side="right")
        shard = shards[place]
        return self.begins[shard] + line - (ends[place] - self.counts[shard])

    def _shards_of(self, epoch: int):
        """The shards in this epoch's order, and where each ends in the line."""
        shards = keyed_permutation(len(self.counts), self.seed, "shards", epoch)
        return shards, self.counts[shards].cumsum()


def views_at(positions, seed: int, views: int) -> np.ndarray:
    """The view in which the example at each position is seen, int64: uniform over ``views``, a function of (seed, position)."""
    positions = np.asarray(positions, dtype=np.uint64)
    return (mixed(positions, seed, "stream views") % np.uint64(views)).astype(np.int64)


def positions_of(step: int, start: int, batch_size: int, rank: int = 0, world: int = 1) -> np.ndarray:
    """The ``batch_size`` positions of one rank in one step, int64: those of the step's batch_size · world that are rank mod world."""
    first = start + step * batch_size * world
    return first + (rank - first) % world + world * np.arange(batch_size, dtype=np.int64)
