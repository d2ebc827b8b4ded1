"""Where the teacher's answers to all views are kept: whole or in half precision, in memory or on the disk, or the largest few of each."""

import math
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from distill_helpers.checks import InputError, whole
from distill_helpers.data.devices import free_memory, in_words, same_device

KINDS = ("memory", "half", "mapped")
SAID_FROM = 10**9
NEVER = -1e4  # a log-probability whose exponential is 0 at every temperature in use, and which is finite


@dataclass(frozen=True)
class TopK:
    """A store of the k largest probabilities of each answer; all others together are one more number.

    Asked for, an answer is log-probabilities over all C classes: the k largest as they were, and what is left spread evenly over
    the other C - k, so that they sum to 1. With k = C nothing is lost but the logits' arbitrary constant. At temperature T > 1 the even
    spread gives the other classes more than they had: Σ p^(1/T) is largest when all p are equal. tail=False: the k largest are scaled to
    sum to 1 and the others get a log-probability of -10,000. Named features are kept in half precision.
    Raises InputError for k below 1 and, when asked, for k above C.
    """

    k: int
    tail: bool = True

    def __post_init__(self):
        whole("k", self.k)
        if not isinstance(self.tail, bool):
            raise InputError(f"tail must be True or False, but {self.tail!r} was given.")


def checked_kind(store):
    """``store`` when it is one of the kinds. Raises InputError otherwise."""
    if not isinstance(store, TopK) and store not in KINDS:
        raise InputError(f"store must be 'memory', 'half', 'mapped' or TopK(k), but {store!r} was given.")
    return store


def encoded(kind, name: str, rows: Tensor) -> dict[str, Tensor]:
    """Rows [B, ...] of one answer as the columns that this kind of store keeps of them, {column: [B, ...]}."""
    rows = rows.float()
    if kind in ("memory", "mapped"):
        return {name: rows}
    if kind == "half" or name != "logits":
        half = rows.half()
        if not half.isfinite().all():
            raise InputError(f"store='half' holds numbers up to 65,504, but {name} has {rows.abs().max():.4g}; use 'memory' or 'mapped'.")
        return {name: half}
    classes = rows.shape[-1]
    if kind.k > classes:
        raise InputError(f"k must be at most the {classes} classes of the teacher, but {kind.k} was given.")
    logs = rows.log_softmax(-1)
    values, places = logs.topk(kind.k, -1)
    columns = {"logits.places": places.to(torch.int16 if classes < 2**15 else torch.int32)}
    if not kind.tail:
        return {"logits.values": values.log_softmax(-1), **columns}
    if kind.k < classes:
        columns["logits.tail"] = logs.scatter(-1, places, -torch.inf).logsumexp(-1, keepdim=True)
    return {"logits.values": values, **columns}


def decoded(kind, name: str, columns: dict[str, Tensor], classes: int) -> Tensor:
    """The rows of one answer, float32 [..., C] or [..., features], from their columns."""
    if not isinstance(kind, TopK) or name != "logits":
        return columns[name].float()
    values, places = columns["logits.values"], columns["logits.places"].long()
    if "logits.tail" in columns:
        rest = columns["logits.tail"] - math.log(classes - kind.k)
    else:
        rest = torch.full_like(values[..., :1], NEVER)
    return rest.expand(*rest.shape[:-1], classes).scatter(-1, places, values)


class Store:
    """Answers to V views of N examples, kept as columns {column: [V, N, ...]}. names: of the answers, "logits" first."""

    def __init__(self, kind, names, columns: dict[str, Tensor], classes: int, device):
        self.kind, self.names, self.columns, self.classes, self.device = kind, tuple(names), columns, classes, torch.device(device)

    @property
    def shape(self) -> tuple[int, int]:
        """(V, N)."""
        return tuple(next(iter(self.columns.values())).shape[:2])

    def rows(self, view: Tensor, index: Tensor, names=None) -> dict[str, Tensor]:
        """Answers for int64 view and index of one shape: float32 [*index.shape, ...], on the pool's device."""
        found = {}
        for name in self.names if names is None else names:
            parts = {}
            for column in self._columns_of(name):
                kept = self.columns[column]
                where = kept.device
                parts[column] = kept[view.to(where), index.to(where)].to(self.device)
            found[name] = decoded(self.kind, name, parts, self.classes)
        return found

    @property
    def whole(self) -> dict[str, Tensor] | None:
        """{name: float32 [V, N, ...]} where answers are kept as they are; None for the other kinds."""
        return {name: self.columns[name] for name in self.names} if self.kind in ("memory", "mapped") else None

    def _columns_of(self, name):
        return [c for c in self.columns if c == name or (name == "logits" and c.startswith("logits."))]


def plan(kind, sample: dict[str, Tensor], views: int, count: int) -> dict[str, tuple]:
    """{column: (shape, dtype)} of a store for V views of N examples, from a few rows of each answer."""
    columns = {}
    for name, rows in sample.items():
        for column, made in encoded(kind, name, rows).items():
            columns[column] = ((views, count, *made.shape[1:]), made.dtype)
    return columns


def size_of(columns: dict[str, tuple]) -> int:
    """Bytes of planned columns."""
    return sum(math.prod(shape) * torch.empty((), dtype=dtype).element_size() for shape, dtype in columns.values())


def check_size(kind, sample, views: int, count: int, device, folder) -> int:
    """The bytes that a store will take: printed when they are more than 1 GB. Raises InputError, with what would fit, when there is no room."""
    size = size_of(plan(kind, sample, views, count))
    on_disk = kind == "mapped"
    free = free_disk(folder) if on_disk else free_memory(device)
    what = f"the teacher's answers to {views} views of {count:,} examples ({', '.join(sample)}) in store={kind!r}"
    where = "on the disk" if on_disk else "of memory" if same_device(device, "cpu") else f"of memory on {device}"
    if free is not None and size > free:
        others = []
        for other in ("memory", "half", "mapped", TopK(min(8, sample["logits"].shape[-1]))):
            if other != kind:
                place = " on the disk" if other == "mapped" else ""
                others.append(f"{other!r} {in_words(size_of(plan(other, sample, views, count)))}{place}")
        raise InputError(
            f"store must have room, but {what} would take {in_words(size)} {where}, where {in_words(free)} are free. Others: {'; '.join(others)}. "
            f"Fewer views or features take less too."
        )
    if size > SAID_FROM:
        print(f"{what} take {in_words(size)} {where}.")
    return size


def free_disk(folder) -> int:
    """Bytes that are free where the folder is or will be; None stands for the system's place for temporary files."""
    place = Path(folder or tempfile.gettempdir()).absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def temporary_folder(owner) -> Path:
    """A folder for a mapped store without a cache, in the system's place for temporary files; it is removed when ``owner`` is no longer in use."""
    folder = tempfile.mkdtemp(prefix="distill_helpers_")
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
