"""Where in a shard each sample lies: an index beside the tar file, so that any sample can be read without the others.

A shard is a plain tar file in WebDataset's format (Aizman, Maltby & Breuel, "High Performance I/O For Large Scale Deep Learning",
2019): members that follow each other and share the name up to the first dot of its last part are one sample, and what
comes after that dot says what each member is. The index holds, for every member, offset, length and CRC-32.
"""

import hashlib
import json
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from distill_helpers.checks import InputError

FORMAT = 1
HEAD = 1 << 12  # bytes at either end of a shard that must be as they were
PIECE = 1 << 20


@dataclass(frozen=True)
class Shard:
    """One shard and what its index says of it. count: samples. members: {extension: how many samples have one}. payload: sha256."""

    path: Path
    count: int
    size: int
    members: dict[str, int]
    payload: str


def index_path(shard: Path) -> Path:
    """Where the index of a shard lies: beside it."""
    return shard.with_name(shard.name + ".index.jsonl")


def open_shard(path: Path) -> tuple[Shard, list | None]:
    """The shard, by its index; the index is made where it is missing or belongs to another file.

    The second value is the samples where they had to be made and the folder cannot be written; else None.
    Raises InputError for a damaged shard or index.
    """
    place = index_path(path)
    head = _read_head(place) if place.exists() else None
    if head is not None and _belongs(head, path):
        return Shard(path, head["samples"], head["size"], head["members"], head["payload"]), None
    samples = scan_shard(path)
    head = _head_of(path, samples)
    try:
        _write(place, head, _payload(samples))
    except OSError:
        return Shard(path, head["samples"], head["size"], head["members"], head["payload"]), samples
    return Shard(path, head["samples"], head["size"], head["members"], head["payload"]), None


def read_samples(shard: Shard) -> list:
    """The samples of a shard from its index: [[key, {extension: [offset, length, crc]}], ...]. Raises InputError for a damaged index."""
    place = index_path(shard.path)
    try:
        with open(place, "rb") as file:
            file.readline()
            payload = file.read()
    except OSError as error:
        raise InputError(f"the index {place} cannot be read ({error.strerror}).") from error
    if hashlib.sha256(payload).hexdigest() != shard.payload:
        raise _damaged(place)
    samples = json.loads(payload)
    if len(samples) != shard.count:
        raise _damaged(place)
    return samples


def scan_shard(path: Path) -> list:
    """The samples of a shard from the tar file itself, every byte of it read once.

    Raises InputError, which names the shard and the member, where it is no whole tar file, or where a key comes twice.
    """
    samples, seen, end = [], set(), 0
    name = "its first member"
    try:
        with open(path, "rb") as raw, tarfile.open(fileobj=raw, mode="r:") as tar:
            size = os.fstat(raw.fileno()).st_size
            for member in tar:
                name = member.name
                end = member.offset_data + -(-member.size // 512) * 512 if member.isreg() else member.offset_data
                if not member.isreg():
                    continue
                folder, _, last = member.name.rpartition("/")
                stem, dot, extension = last.partition(".")
                if not dot or not stem:
                    continue
                key, extension = f"{folder}/{stem}" if folder else stem, extension.lower()
                if not samples or samples[-1][0] != key:
                    if key in seen:
                        raise InputError(f"shard {path}: key {key!r} comes again after other samples; the members of a sample must be together.")
                    seen.add(key)
                    samples.append([key, {}])
                if extension in samples[-1][1]:
                    raise InputError(f"shard {path}: sample {key!r} has two members of extension {extension!r}.")
                samples[-1][1][extension] = [member.offset_data, member.size, _crc_of_file(raw.fileno(), member, size, path)]
    except tarfile.TarError as error:
        raise InputError(f"shard {path} is damaged or no tar file after {name!r} ({error}).") from error
    except OSError as error:
        raise InputError(f"shard {path} cannot be read ({error.strerror}).") from error
    with open(path, "rb") as raw:
        raw.seek(end)
        if raw.read(1024) != bytes(1024):
            raise InputError(f"shard {path} is cut off or damaged after {name!r}: the two empty blocks that end a tar file are not there.")
    if not samples:
        raise InputError(f"shard {path} holds no samples: members must be called key.extension.")
    return samples


def read_member(descriptor: int, shard: Shard, key: str, extension: str, where) -> bytes:
    """The bytes of one member, their CRC-32 checked; where: [offset, length, crc]. Raises InputError that names shard and key."""
    offset, length, crc = where
    content = os.pread(descriptor, length, offset)
    while 0 < len(content) < length:
        more = os.pread(descriptor, length - len(content), offset + len(content))
        if not more:
            break
        content += more
    if len(content) != length:
        raise InputError(f"shard {shard.path} is cut off: {key}.{extension} should have {length} bytes, but {len(content)} are there.")
    if zlib.crc32(content) != crc:
        raise InputError(f"shard {shard.path} is damaged: the bytes of {key}.{extension} are not those that the index was made of.")
    return content


def _crc_of_file(descriptor: int, member, size: int, path: Path) -> int:
    if member.offset_data + member.size > size:
        raise InputError(f"shard {path} is cut off within {member.name!r}.")
    crc, place, left = 0, member.offset_data, member.size
    while left:
        piece = os.pread(descriptor, min(PIECE, left), place)
        crc, place, left = zlib.crc32(piece, crc), place + len(piece), left - len(piece)
    return crc


def _head_of(path: Path, samples: list) -> dict:
    members = {}
    for _, parts in samples:
        for extension in parts:
            members[extension] = members.get(extension, 0) + 1
    about = path.stat()
    return {
        "format": FORMAT, "shard": path.name, "size": about.st_size, "mtime_ns": about.st_mtime_ns, "ends": _ends(path),
        "samples": len(samples), "members": members, "payload": hashlib.sha256(_payload(samples)).hexdigest(),
    }  # fmt: skip


def _payload(samples: list) -> bytes:
    return json.dumps(samples, separators=(",", ":"), ensure_ascii=False).encode()


def _ends(path: Path) -> str:
    """sha256 over the first and the last bytes of the shard."""
    with open(path, "rb") as file:
        digest = hashlib.sha256(file.read(HEAD))
        file.seek(max(0, path.stat().st_size - HEAD))
        digest.update(file.read(HEAD))
    return digest.hexdigest()


def _write(place: Path, head: dict, payload: bytes) -> None:
    """Atomically, so that a crash leaves either no index or a whole one: a line of JSON about the shard, and one with the samples."""
    head = {**head, "checksum": _checksum(head)}
    partial = place.with_name(f"{place.name}.{os.getpid()}.partial")
    try:
        with open(partial, "wb") as file:
            file.write(json.dumps(head).encode() + b"\n" + payload)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(place)
    finally:
        partial.unlink(missing_ok=True)


def _read_head(place: Path) -> dict:
    try:
        with open(place, "rb") as file:
            head = json.loads(file.readline())
        if not isinstance(head, dict) or head.pop("checksum", None) != _checksum(head):
            raise _damaged(place)
    except ValueError as error:
        raise _damaged(place) from error
    except OSError as error:
        raise InputError(f"the index {place} cannot be read ({error.strerror}).") from error
    return head


def _belongs(head: dict, path: Path) -> bool:
    about = path.stat()
    return (head["format"], head["size"], head["mtime_ns"]) == (FORMAT, about.st_size, about.st_mtime_ns) and head["ends"] == _ends(path)


def _checksum(head: dict) -> str:
    return hashlib.sha256(json.dumps(head, sort_keys=True).encode()).hexdigest()


def _damaged(place: Path) -> InputError:
    return InputError(f"the index {place} is damaged; delete it, and it is made again from the shard.")
