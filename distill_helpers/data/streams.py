"""Streams: data bigger than memory, read from tar shards in an order that is a pure function of (seed, epoch, position)."""

import inspect
import io
import json
import multiprocessing
import os
import pickle
import re
import warnings
from collections import OrderedDict
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map
from torch.utils.data import DataLoader

from distill_helpers.checks import InputError, whole
from distill_helpers.data.devices import same_device
from distill_helpers.data.examples import as_input, as_model_input
from distill_helpers.data.hashing import tensors_hash
from distill_helpers.data.labels import settled_classes, settled_labels, settled_weights, stacked_rows
from distill_helpers.data.order import StreamOrder, positions_of, views_at
from distill_helpers.data.pool import Pool
from distill_helpers.data.seeded import seeded
from distill_helpers.data.shard_index import open_shard, read_member, read_samples

INPUTS = ("npy", "png", "jpg", "jpeg")
PROBED = 4  # examples, and views of each, whose decoded values are part of the fingerprint


class Stream(Pool):
    """The samples of ``folder``/*.tar (WebDataset's format, ``write_shards``), shards by name, each looked up by its byte offset.

    decode: the extension that holds the input (npy an array; png, jpg an image), by default the only one of these that every
    sample has; or a function of the sample's members, {extension: bytes}, that gives a tensor, an array or a PIL image. Inputs:
    as in ``from_dataset``. labels: the extension that holds the label (cls a whole number, json, npy, txt a number), a function of
    the members, or None. transform, views, seed: as in ``from_dataset``; a view is made whenever it is looked up. block: how many
    examples are shuffled together (``order.py``). device: where inputs and labels are given.

    The index of a shard lies beside it; it is made, by one reading of the shard, where it is missing or the shard is another one.
    Memory holds a few numbers for each shard and the index of the shards of two blocks at most. ``stream.labels`` reads all
    labels when it is first asked for, and keeps them; ``batches`` does not need it.

    Raises InputError for a folder without shards, a damaged shard or index, and a sample that lacks a member or whose input
    differs in shape or type from the first one's; the shard and the key are named.
    """

    def __init__(self, folder, decode=None, labels="cls", classes: int | None = None, name: str | None = None, *, transform=None,
                 views: int = 1, seed: int = 0, block: int = 4096, class_weights=None, ignore_index: int | None = None, device="cpu"):  # fmt: skip
        whole("views", views)
        whole("seed", seed, 0)
        whole("block", block)
        settled_classes(classes)
        for argument, value in (("decode", decode), ("labels", labels)):
            if not (value is None or isinstance(value, str) or callable(value)):
                raise InputError(f"{argument} must be an extension, a function or None, but {value!r} was given.")
        if transform is not None and not callable(transform):
            raise InputError(f"transform must be a function of one input, but {transform!r} was given.")
        paths = sorted(Path(folder).glob("*.tar"))
        if not paths:
            raise InputError(f"folder must hold shards *.tar, but {str(folder)!r} has none.")
        self.name, self.classes, self.ignore_index = name or Path(folder).name, classes, ignore_index
        self.class_weights = settled_weights(class_weights, classes)
        self.transform, self.seed, self.block = transform, seed, block
        self._views, self._device = views, torch.device(device)
        self._shards, self._held = [], {}
        for number, path in enumerate(paths):
            shard, samples = open_shard(path)
            self._shards.append(shard)
            if samples is not None:
                self._held[number] = samples
        if self._held:
            warnings.warn(f"{len(self._held)} indices cannot be written into {str(folder)!r}; they are kept in memory.", stacklevel=2)
        self._counts = np.array([shard.count for shard in self._shards])
        self._begins = np.concatenate([[0], self._counts.cumsum()])
        self._recent = OrderedDict()
        self._decode = self._chosen_extension() if decode is None else decode
        self._source, self._labels = labels, None
        for extension in (self._decode, labels):
            if isinstance(extension, str):
                self._check_all_have(extension)
        self._first = None
        first, row = self._example(0, 0)
        self._first = first
        # tokens of the length of the classes are no one-hot rows
        self._sequences = not first.is_floating_point() and first.dtype != torch.uint8
        self._checked_labels([row], [0])

    def __len__(self):
        return int(self._begins[-1])

    def __getstate__(self):
        return {**self.__dict__, "_recent": OrderedDict()}

    @property
    def views(self) -> int:
        """V."""
        return self._views

    @property
    def device(self) -> torch.device:
        """Where inputs and labels are given."""
        return self._device

    @property
    def labels(self):
        """Labels of all N examples, read when first asked for: 8 bytes for each class index."""
        if self._source is None:
            return None
        if self._labels is None:
            rows, names = [], []
            for number in range(len(self._shards)):
                begin = self._begins[number]
                for row in range(self._counts[number]):
                    names.append(self._called(begin + row))
                    rows.append(self._label(begin + row))
            settled = settled_labels(stacked_rows(rows, names), len(self), self.classes, self.ignore_index, sequences=self._sequences)
            self._labels = tree_map(lambda t: t.to(self._device), settled)
        return self._labels

    @property
    def fingerprint(self) -> str:
        """sha256 over all that inputs, labels and their use depend on."""
        weights = {} if self.class_weights is None else {"class weights": self.class_weights}
        return tensors_hash(weights, [self.inputs_fingerprint, str(self.classes), str(self.ignore_index), _described(self._source)])

    def to(self, device) -> "Stream":
        """The same stream, giving its inputs and labels on another device; itself when it does so already."""
        if same_device(self._device, device):
            return self
        move = lambda tree: None if tree is None else tree_map(lambda t: t.to(device), tree)
        return self._changed(_device=torch.device(device), _labels=move(self._labels), class_weights=move(self.class_weights))

    def without_labels(self) -> "Stream":
        """The same inputs, with nothing said about them."""
        return self._changed(_source=None, _labels=None)

    def order(self, seed: int, batch_size: int, epoch: int) -> Tensor:
        """Example numbers of one epoch in full batches, int64 [steps, batch], from the same shuffle as ``batches``.

        A stream smaller than one batch is repeated until it fills one.
        """
        whole("batch_size", batch_size)
        copies = max(1, -(-batch_size // len(self)))
        steps = copies * len(self) // batch_size
        first = epoch * copies * len(self)
        found = StreamOrder(self._counts, seed, self.block).index(np.arange(first, first + steps * batch_size))
        return torch.from_numpy(found).view(steps, batch_size)

    def batches(self, seed: int, batch_size: int, start: int = 0, workers: int = 0, rank: int = 0, world: int = 1, epochs: int | None = None):
        """Batches from position ``start`` on: (position, inputs, labels, index) for ever, or to the end of the epoch number ``epochs``.

        One step reads batch_size · world positions; rank r of ``world`` gets those that are r mod world. ``position`` is where the
        next step begins, the same on all ranks: handed in as ``start`` it goes on exactly there, with any number of workers, and
        with any number of ranks as long as batch_size · world stays what it was. Positions run on through the epochs, so a
        batch may end one epoch and begin the next; at the very end, a rest of less than one step is left out.
        workers: processes that read ahead; 0 reads in this one. The view of each example is a function of (seed, position).
        labels is None without labels; index is int64 [batch]. Raises InputError for arguments out of range, before anything is read.
        """
        whole("seed", seed, 0)
        whole("batch_size", batch_size)
        whole("start", start, 0)
        whole("workers", workers, 0)
        whole("world", world)
        whole("rank", rank, 0)
        if rank >= world:
            raise InputError(f"rank must be from 0 to world - 1 = {world - 1}, but {rank!r} was given.")
        if epochs is not None:
            whole("epochs", epochs)
        left = 1 << 62 if epochs is None else max(0, epochs * len(self) - start)
        steps = range(left // (batch_size * world))
        read = _Steps(self, seed, batch_size, start, rank, world)
        if workers and multiprocessing.get_start_method() != "fork":
            try:
                pickle.dumps(read)
            except Exception as error:
                raise InputError(f"workers need decode, labels and transform that can be pickled, but they cannot: {error}.") from error
        return self._batches(read, steps, workers)

    def _batches(self, read: "_Steps", steps: range, workers: int):
        if workers:
            # a generator of its own, since the loader would draw a number from the global one
            steps = DataLoader(read, batch_size=None, sampler=steps, num_workers=workers, collate_fn=_as_it_is, generator=torch.Generator())
        else:
            steps = map(read.__call__, steps)
        for made in steps:
            if isinstance(made, str):
                raise InputError(made)
            position, stored, labels, index = made
            move = lambda tensor: tensor.to(self._device)
            yield position, as_model_input(move(stored)), None if labels is None else tree_map(move, labels), move(index)

    def _look_up(self, view: Tensor, index: Tensor) -> Tensor:
        views, numbers = view.flatten().tolist(), index.flatten().tolist()
        stored = [self._example(v, i, label=False)[0] for v, i in zip(views, numbers, strict=True)]
        rows = torch.stack(stored) if stored else self._first.new_empty(0, *self._first.shape)
        return as_model_input(rows.to(self._device)).unflatten(0, index.shape)

    def _content(self):
        shown = [self._example(view, index, label=False)[0] for view in range(min(PROBED, self.views)) for index in range(min(PROBED, len(self)))]
        texts = [f"{shard.path.name}/{shard.size}/{shard.payload}" for shard in self._shards]
        texts += [_described(self._decode), _described(self.transform), str(self.views), str(self.seed)]
        texts.append(tensors_hash({"shown": torch.stack(shown)}))
        return {}, texts

    def _place(self, index: int) -> tuple[int, int]:
        number = int(self._begins.searchsorted(index, side="right")) - 1
        return number, int(index - self._begins[number])

    def _samples(self, number: int) -> list:
        """The index of one shard; those last used are kept, as many as two blocks need."""
        if number in self._held:
            return self._held[number]
        if number in self._recent:
            self._recent.move_to_end(number)
            return self._recent[number]
        self._recent[number] = read_samples(self._shards[number])
        while len(self._recent) > 1 and sum(map(len, self._recent.values())) > 2 * self.block + self._counts[number]:
            self._recent.popitem(last=False)
        return self._recent[number]

    def _members(self, index: int, wanted) -> tuple[str, dict[str, bytes]]:
        """Key and members of one example: those of the wanted extensions, or all where ``wanted`` is None."""
        number, row = self._place(index)
        shard, (key, parts) = self._shards[number], self._samples(number)[row]
        descriptor = _opened(shard.path)
        try:
            return key, {name: read_member(descriptor, shard, key, name, parts[name]) for name in (parts if wanted is None else wanted)}
        finally:
            os.close(descriptor)

    def _example(self, view: int, index: int, label: bool = True):
        """One example in one view, as it is stored, and its label (None where there is none or it is not asked for)."""
        label = label and self._source is not None
        asked = [self._decode] + ([self._source] if label else [])
        wanted = None if any(map(callable, asked)) else asked
        key, members = self._members(index, wanted)
        drawn = callable(self._decode) or self.transform is not None
        with seeded(self.seed, "view", view, index) if drawn else nullcontext():
            try:
                value = self._decode(members) if callable(self._decode) else _decoded(self._decode, members[self._decode])
                value = value if self.transform is None else self.transform(value)
            except InputError:
                raise
            except (OSError, ValueError, EOFError, KeyError, SyntaxError) as error:
                raise InputError(f"{self._called(index)} cannot be decoded: {type(error).__name__}: {error}.") from error
        x = as_input(value, self._called(index))
        if self._first is not None and (x.shape != self._first.shape or x.dtype != self._first.dtype):
            raise InputError(
                f"{self._called(index)} must be {self._first.dtype} {list(self._first.shape)} as the first example is, but it is "
                f"{x.dtype} {list(x.shape)}; resize or pad it by transform."
            )
        return x, self._label_from(members, index) if label else None

    def _label(self, index: int):
        key, members = self._members(index, None if callable(self._source) else [self._source])
        return self._label_from(members, index)

    def _label_from(self, members: dict[str, bytes], index: int):
        try:
            return self._source(members) if callable(self._source) else _label_of(self._source, members[self._source])
        except InputError:
            raise
        except (ValueError, KeyError, EOFError) as error:
            raise InputError(f"{self._called(index)} has no label that can be read: {type(error).__name__}: {error}.") from error

    def _checked_labels(self, rows: list, indices: list):
        """Labels of some examples in their final form; an error names the first example that is wrong."""
        settle = lambda part: settled_labels(stacked_rows(part, ["it"] * len(part)), len(part), self.classes, self.ignore_index,
                                             sequences=self._sequences, part=True)  # fmt: skip
        if self._source is None:
            return None
        try:
            return settle(rows)
        except InputError:
            for row, index in zip(rows, indices, strict=True):
                try:
                    settle([row])
                except InputError as error:
                    raise InputError(f"{self._called(index)}: {error}") from error
        return stacked_rows(rows, [self._called(index) for index in indices])

    def _called(self, index: int) -> str:
        number, row = self._place(index)
        return f"sample {self._samples(number)[row][0]!r} of shard {self._shards[number].path}"

    def _chosen_extension(self) -> str:
        found = [name for name in INPUTS if all(shard.members.get(name) for shard in self._shards)]
        if len(found) != 1:
            there = sorted({name for shard in self._shards for name in shard.members})
            raise InputError(f"decode must say which of the extensions {', '.join(there)} holds the inputs; none or several of {INPUTS} do.")
        return found[0]

    def _check_all_have(self, extension: str) -> None:
        for number, shard in enumerate(self._shards):
            if shard.members.get(extension) != shard.count:
                key = next(key for key, parts in self._samples(number) if extension not in parts)
                raise InputError(f"sample {key!r} of shard {shard.path} has no member of extension {extension!r}.")


class _Steps:
    """A step's batch by its number: a pure function, so that any worker can make any step."""

    def __init__(self, stream: Stream, seed: int, batch_size: int, start: int, rank: int, world: int):
        self.stream, self.seed, self.asked = stream, seed, (start, batch_size, rank, world)
        self.order = StreamOrder(stream._counts, seed, stream.block)

    def __call__(self, step: int):
        start, batch_size, rank, world = self.asked
        positions = positions_of(step, start, batch_size, rank, world)
        index = self.order.index(positions)
        views = views_at(positions, self.seed, self.stream.views)
        made = [self.stream._example(int(view), int(i)) for view, i in zip(views, index, strict=True)]
        labels = self.stream._checked_labels([row for _, row in made], index.tolist())
        return start + (step + 1) * batch_size * world, torch.stack([x for x, _ in made]), labels, torch.from_numpy(index)

    def __getitem__(self, step: int):
        """For the workers: an error becomes its text, which the reader raises as it was meant."""
        try:
            return self(step)
        except InputError as error:
            return str(error)


def _as_it_is(batch):
    return batch


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise InputError(f"shard {path} cannot be read ({error.strerror}).") from error


def _decoded(extension: str, content: bytes):
    kind = extension.rpartition(".")[2]
    if kind == "npy":
        return np.load(io.BytesIO(content), allow_pickle=False)
    if kind in ("png", "jpg", "jpeg"):
        from PIL import Image

        with Image.open(io.BytesIO(content)) as image:
            return image.copy() if image.mode in ("L", "RGB") else image.convert("RGB")
    raise InputError(f"decode must be one of {', '.join(INPUTS)}, or a function of the members, but {extension!r} was given.")


def _label_of(extension: str, content: bytes):
    kind = extension.rpartition(".")[2]
    if kind == "cls":
        return int(content)
    if kind == "npy":
        return np.load(io.BytesIO(content), allow_pickle=False)
    if kind == "json":
        return json.loads(content)
    if kind == "txt":
        text = content.decode().strip()
        return int(text) if re.fullmatch(r"-?\d+", text) else float(text)
    raise InputError(f"labels must be one of cls, json, npy, txt, or a function of the members, but {extension!r} was given.")


def _described(function) -> str:
    """A function by its source, another object by what it prints, without addresses."""
    if function is None or isinstance(function, str):
        return repr(function)
    kind = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', type(function).__qualname__)}"
    try:
        source = inspect.getsource(function if inspect.isroutine(function) else type(function))
    except (OSError, TypeError):
        source = ""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", f"{kind}\n{function!r}\n{source}")
