"""CIFAR-10 and CIFAR-100 in their authors' pickled batches, read without running what a pickle may ask for."""

import io
import pickle
from pathlib import Path

import numpy as np
import torch

from distill_helpers.checks import InputError, needed, one_of
from distill_helpers.data.image_set import ImageSet
from distill_helpers.data.public.places import data_root, downloaded, found, verified

# what an array of numbers is built from; nothing here runs code of the file
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"),
    ("_codecs", "encode"),
}  # fmt: skip


def load_cifar10(root=None, split: str = "train", *, download: bool = False, verify: bool = True) -> ImageSet:
    """CIFAR-10 (Krizhevsky 2009): uint8 [50000, 3, 32, 32] for "train", 10,000 for "test"; ten classes.

    root: see ``places.data_root``; the batches lie in root/cifar-10-batches-py, as in the authors' archive. download: get it by torchvision.
    verify: each batch must be the published one, by its MD5; False reads any in this format.
    Raises InputError, which names the file, for what is missing, damaged, of another shape, or asks for anything but arrays of numbers.
    """
    return _load(needed("torchvision.datasets").CIFAR10, "CIFAR-10", "labels", 10, root, split, download, verify)


def load_cifar100(root=None, split: str = "train", *, download: bool = False, verify: bool = True) -> ImageSet:
    """CIFAR-100 (Krizhevsky 2009): as ``load_cifar10``, from root/cifar-100-python, with its hundred fine labels."""
    return _load(needed("torchvision.datasets").CIFAR100, "CIFAR-100", "fine_labels", 100, root, split, download, verify)


def _load(kind, what: str, key: str, classes: int, root, split: str, download: bool, verify: bool) -> ImageSet:
    one_of("split", split, ("train", "test"))
    root = data_root(root)
    if download:
        downloaded(lambda: kind(str(root), download=True), what, root)
    folder, images, labels = root / kind.base_folder, [], []
    for name, md5 in kind.train_list if split == "train" else kind.test_list:
        path = found(folder, (name,), what, "give download=True, or unpack the authors' archive there")
        if verify:
            verified(path, md5, what)
        one, its = read_batch(path, key, classes)
        images.append(one)
        labels.append(its)
    return ImageSet(torch.from_numpy(np.concatenate(images)), torch.from_numpy(np.concatenate(labels)), classes, f"{what.lower()}, {split}")


def read_batch(path: Path, key: str, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(images uint8 [N, 3, 32, 32], labels int64 [N]) of one pickled batch: a dict with "data", uint8 [N, 3072], and ``key``, N class numbers."""
    held = unpickled(path)
    names = {k.decode("latin1") if isinstance(k, bytes) else k: v for k, v in held.items()} if isinstance(held, dict) else {}
    if not {"data", key} <= set(names):
        raise InputError(f"{path} must hold a dict with 'data' and {key!r}, but it holds {sorted(map(str, names)) or type(held).__name__}.")
    data, labels = names["data"], names[key]
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3072:
        given = f"{data.dtype} {list(data.shape)}" if isinstance(data, np.ndarray) else type(data).__name__
        raise InputError(f"data in {path} must be uint8 [N, 3072], but {given} was found.")
    if not isinstance(labels, (list, np.ndarray)) or not all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in labels):
        raise InputError(f"{key} in {path} must be a list of whole numbers, but {type(labels).__name__} was found.")
    labels = np.asarray(labels, np.int64)
    if len(labels) != len(data):
        raise InputError(f"{path} must hold one label for each image, but there are {len(data)} images and {len(labels)} labels.")
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise InputError(f"{key} in {path} must be from 0 to {classes - 1}, but {labels.min()} to {labels.max()} were found.")
    return data.reshape(-1, 3, 32, 32), labels


def unpickled(path: Path):
    """What a pickle holds, where that is containers, numbers, words and arrays of them. Raises InputError for one that asks for anything else."""
    try:
        return _Plain(io.BytesIO(Path(path).read_bytes()), encoding="bytes").load()
    except _Refused as error:
        raise InputError(f"{path} asks for {error}, which a batch of images does not need; it is not read.") from None
    except Exception as error:  # a damaged pickle fails in any way
        raise InputError(f"{path} is damaged: it cannot be read as a pickle ({type(error).__name__}: {error}).") from error


class _Refused(Exception):
    pass


class _Plain(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise _Refused(f"{module}.{name}")
        return super().find_class(module, name)

    def persistent_load(self, pid):
        raise _Refused("an object outside of the file")
