"""MNIST in its authors' files: four in idx format, plain or gzipped."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
import torch

from distill_helpers.checks import InputError, needed, one_of
from distill_helpers.data.image_set import ImageSet
from distill_helpers.data.public.places import data_root, downloaded, found, verified

PREFIX = {"train": "train", "test": "t10k"}


def load_mnist(root=None, split: str = "train", *, download: bool = False, verify: bool = True) -> ImageSet:
    """MNIST (LeCun, Cortes & Burges 1998; CC BY-SA 3.0): uint8 [60000, 1, 28, 28] for "train", 10,000 for "test".

    root: see ``places.data_root``; the files lie in root/MNIST/raw, as torchvision puts them, or in root itself, gzipped or not. download: get
    them by torchvision. verify: gzipped files must be those that were published, by their MD5; False reads any images in this format.
    Raises InputError, which names the file, for what is missing, damaged, cut off, of another kind, or where images and labels differ in number.
    """
    one_of("split", split, tuple(PREFIX))
    root, MNIST = data_root(root), needed("torchvision.datasets").MNIST
    if download:
        downloaded(lambda: MNIST(str(root), download=True), "MNIST", root)
    folder = root / "MNIST" / "raw"
    folder = folder if folder.is_dir() else root
    sums = dict(MNIST.resources)
    how = "give download=True, or put the four files of MNIST there"
    images, labels = (_read(folder, f"{PREFIX[split]}-{kind}-ubyte", dims, sums if verify else {}, how)
                      for kind, dims in (("images-idx3", 3), ("labels-idx1", 1)))  # fmt: skip
    if len(images) != len(labels):
        raise InputError(f"{folder} must hold one label for each image, but there are {len(images)} images and {len(labels)} labels ({split}).")
    if len(labels) and labels.max() > 9:
        raise InputError(f"{PREFIX[split]}-labels-idx1-ubyte in {folder} must hold digits from 0 to 9, but {labels.max()} was found.")
    return ImageSet(torch.from_numpy(images).unsqueeze(1), torch.from_numpy(labels.astype(np.int64)), 10, f"mnist, {split}")


def _read(folder: Path, name: str, dims: int, sums: dict, how: str) -> np.ndarray:
    path = found(folder, (name, f"{name}.gz"), "MNIST", how)
    if path.suffix == ".gz" and sums:
        verified(path, sums[path.name], "MNIST")
    content = path.read_bytes()
    if path.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path} is damaged: it cannot be unpacked ({error}).") from error
    return read_idx(content, dims, path)


def read_idx(content: bytes, dims: int, path) -> np.ndarray:
    """The numbers of an idx file of unsigned bytes, uint8 of ``dims`` dimensions. Raises InputError, which names ``path``, for anything else."""
    head = 4 * (dims + 1)
    if len(content) < head or content[:4] != bytes((0, 0, 8, dims)):
        begins = content[:4].hex(" ") or "nothing"
        raise InputError(f"{path} must be an idx file of unsigned bytes in {dims} dimensions, but it begins with {begins}.")
    shape = [int.from_bytes(content[4 * i : 4 * i + 4], "big") for i in range(1, dims + 1)]
    wanted = head + math.prod(shape)
    if len(content) != wanted:
        raise InputError(f"{path} is cut off or too long: {shape} numbers take {wanted:,} bytes, but it has {len(content):,}.")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape).copy()
