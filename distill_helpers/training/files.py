"""One way to write a file and to read it back: atomic, counted, checksummed, and nothing is ever unpickled.

Tensors are kept in the safetensors format, so that other programs read them too. The checksum covers every byte of the file, and
stands in the header in a place of fixed length, so that tensors can be written in pieces without being held in memory.
"""

import contextlib
import hashlib
import json
import os
import secrets
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from distill_helpers.checks import InputError

FORMAT = "distill_helpers 1"
BLANK = "0" * 64
CODES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64", torch.int32: "I32",
    torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
DTYPES = {code: dtype for dtype, code in CODES.items()}


class DamagedFile(InputError):
    """A file that is not what was written."""


def write_tensors(path, tensors: dict[str, Tensor], meta: dict | None = None) -> Path:
    """Write tensors and ``meta`` (anything JSON holds) to ``path`` and return it; a crash leaves the old file or the new one, never a part.

    Names that share one tensor, such as tied weights, share it in the file and after ``read_tensors``. Folders are made. Raises
    InputError when something cannot be stored or the file cannot be written.
    """
    kept, same, first = {}, {}, {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            raise InputError(f"tensors must be dense tensors, but {name!r} is {type(tensor).__name__}.")
        place = (tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()) if tensor.numel() else name
        if place in first:
            same[name] = first[place]
        else:
            first[place], kept[name] = name, tensor
    with TensorWriter(path, {name: (tensor.shape, tensor.dtype) for name, tensor in kept.items()}, meta, same, list(tensors)) as writer:
        for name, tensor in kept.items():
            writer.write(name, tensor)
    return Path(path)


def read_tensors(path, foreign: bool = False) -> tuple[dict[str, Tensor], dict]:
    """({name: tensor}, meta) as written, on the CPU. foreign: also take safetensors files that other programs wrote, which have no checksum.

    Raises InputError when there is no such file, and DamagedFile when it is not what was written.
    """
    path = Path(path)
    content = _content(path)
    _, _, noted = _verified(path, content, foreign)
    try:
        tensors = {name: tensor.clone() for name, tensor in load(content).items()}
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(path, error) from error
    if noted is None:
        return tensors, {}
    for name, kept in noted["same"].items():
        tensors[name] = tensors[kept]
    return {name: tensors[name] for name in noted["names"]}, noted["meta"]


def map_tensors(path) -> tuple[dict[str, Tensor], dict]:
    """As ``read_tensors``, but the tensors stay on the disk and are read where they are looked at; the file is verified first."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"path must be a file, but {path.name!r} does not exist.")
    size = path.stat().st_size
    if size < 8:
        raise _damaged(path, "it is too short")
    raw = torch.from_file(str(path), shared=False, size=size, dtype=torch.uint8)
    begin, entries, noted = _verified(path, memoryview(raw.numpy()), False)
    tensors = {}
    for name, entry in entries.items():
        if name != "__metadata__":
            low, high = (begin + place for place in entry["data_offsets"])
            tensors[name] = raw[low:high].view(DTYPES[entry["dtype"]]).view(entry["shape"])
    for name, kept in noted["same"].items():
        tensors[name] = tensors[kept]
    return {name: tensors[name] for name in noted["names"]}, noted["meta"]


class TensorWriter:
    """Writes named tensors in pieces: ``with TensorWriter(path, {name: (shape, dtype)}) as w: w.write(name, rows)``, in any mixture of names.

    The pieces of one name follow each other along its first axis. The file appears at ``path`` when the block ends without an error.
    same: {name: other name} for names that share a tensor. names: the order in which all are read back. Raises InputError as
    ``write_tensors`` does, and when rows are missing.
    """

    def __init__(self, path, shapes: dict, meta: dict | None = None, same: dict | None = None, names=None):
        self.path, self.place, self.end, self.digest = Path(path), {}, {}, {}
        same = same or {}
        # wide types first, so that every tensor begins where its type can be read
        order = sorted(shapes, key=lambda name: -torch.empty((), dtype=shapes[name][1]).element_size())
        entries, offset = {}, 0
        for name in order:
            shape, dtype = shapes[name]
            if dtype not in CODES:
                raise InputError(f"tensors must be of a type that can be stored ({', '.join(CODES.values())}), but {name!r} is {dtype}.")
            size = torch.empty((), dtype=dtype).element_size() * torch.Size(shape).numel()
            entries[name] = {"dtype": CODES[dtype], "shape": list(shape), "data_offsets": [offset, offset + size]}
            self.place[name], self.end[name], self.digest[name] = offset, offset + size, hashlib.sha256()
            offset += size
        self.dtypes = {name: shapes[name][1] for name in shapes}
        try:
            noted = json.dumps({"names": list(names or shapes), "same": same, "meta": meta or {}})
        except (TypeError, ValueError) as error:
            raise InputError(f"meta must hold numbers, words, lists and dicts only, but it cannot be written: {error}.") from error
        known = {"checksum": BLANK, "format": FORMAT, "count": str(len(entries)), "noted": noted}
        header = json.dumps({"__metadata__": known, **entries}).encode()
        header += b" " * (-len(header) % 8)
        self.header = len(header).to_bytes(8, "little") + header

    def __enter__(self):
        self.partial = self.path.with_name(f".{self.path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.file = open(self.partial, "w+b")
            self.file.write(self.header)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        return self

    def write(self, name: str, rows: Tensor):
        """The next rows of a tensor (all of it for one without axes)."""
        if rows.dtype != self.dtypes[name]:
            raise InputError(f"rows of {name!r} must be {self.dtypes[name]}, but {rows.dtype} was given.")
        content = _bytes(rows)
        if self.place[name] + len(content) > self.end[name]:
            raise InputError(f"rows of {name!r} are more than were announced.")
        self.digest[name].update(content)
        try:
            self.file.seek(len(self.header) + self.place[name])
            self.file.write(content)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        self.place[name] += len(content)

    def __exit__(self, kind, error, trace):
        try:
            with self.file:
                if kind is not None:
                    return
                short = [name for name in self.place if self.place[name] < self.end[name]]
                if short:
                    raise InputError(f"rows of {short[0]!r} are fewer than were announced.")
                checksum = _checksum(self.header, [self.digest[name].digest() for name in self.place])
                self.file.seek(self.header.index(BLANK.encode()))
                self.file.write(checksum.encode())
                self.file.flush()
                os.fsync(self.file.fileno())
            _publish(self.partial, self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        finally:
            self.partial.unlink(missing_ok=True)


def write_json(path, content) -> Path:
    """Write ``content`` (anything JSON holds) with its checksum to ``path`` and return it, atomically."""
    path = Path(path)
    try:
        text = _json_text(content)
    except (TypeError, ValueError) as error:
        raise InputError(f"content must hold numbers, words, lists and dicts only, but it cannot be written: {error}.") from error
    partial = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        _publish(partial, path)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return path


def read_json(path):
    """What ``write_json`` wrote. Raises InputError when there is no such file, and DamagedFile when it is not what was written."""
    path = Path(path)
    content = _content(path)
    try:
        text = content.decode()
        found = json.loads(text)["content"]
        whole = text == _json_text(found)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    if not whole:
        raise _damaged(path, "its checksum differs")
    return found


def _json_text(content) -> str:
    checksum = hashlib.sha256(json.dumps(content).encode()).hexdigest()
    return json.dumps({"format": FORMAT, "checksum": checksum, "content": content}, indent=1) + "\n"


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"path must be a file, but {path.name!r} does not exist.") from error
    except OSError as error:
        raise InputError(f"path {str(path)!r} cannot be read: {error}.") from error


def _verified(path: Path, content, foreign: bool):
    """(where the data begin, the header, our notes in it or None), after every byte has been looked at."""
    content = memoryview(content)
    try:
        begin = 8 + int.from_bytes(content[:8], "little")
        head = bytes(content[:begin])
        if len(content) < begin or len(content) < 10:
            raise ValueError("it is cut short")
        entries = json.loads(head[8:].decode())
        known = entries.get("__metadata__", {})
        # either sign marks a file of ours, so that damage to one of them does not make it a foreign one
        if foreign and not known.keys() & {"noted", "checksum"}:
            return begin, entries, None
        stored = known["checksum"]
        blanked = head.replace(stored.encode(), BLANK.encode(), 1)
        places = [entry["data_offsets"] for name, entry in entries.items() if name != "__metadata__"]
        edges = [0, *(high for _, high in places)]
        whole = [low for low, _ in places] == edges[:-1] and begin + edges[-1] == len(content) and known["count"] == str(len(places))
        digests = [hashlib.sha256(content[begin + low : begin + high]).digest() for low, high in places] if whole else []
        if not whole or len(stored) != 64 or _checksum(blanked, digests) != stored:
            raise ValueError("its checksum differs")
        return begin, entries, json.loads(known["noted"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, error) from error


def _checksum(header: bytes, digests: list[bytes]) -> str:
    return hashlib.sha256(header + b"".join(digests)).hexdigest()


def _bytes(tensor: Tensor):
    """The tensor's bytes in order, without a copy where it lies in order on the CPU."""
    flat = tensor.detach().cpu().contiguous().flatten()
    return flat.view(torch.uint8).numpy().data if flat.numel() else b""


def _publish(partial: Path, path: Path):
    os.replace(partial, path)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _damaged(path: Path, why) -> DamagedFile:
    return DamagedFile(f"path {path.name!r} cannot be read: it is damaged, or not a file that was written here ({why}).")


def _unwritable(path: Path, error) -> InputError:
    return InputError(f"path {str(path)!r} cannot be written: {error.strerror or error}.")
