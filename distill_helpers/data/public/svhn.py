"""SVHN's cropped digits in their authors' MATLAB files."""

import numpy as np
import torch

from distill_helpers.checks import InputError, needed, one_of
from distill_helpers.data.image_set import ImageSet
from distill_helpers.data.public.places import data_root, downloaded, found, verified

SPLITS = ("train", "test", "extra")


def load_svhn(root=None, split: str = "train", *, download: bool = False, verify: bool = True) -> ImageSet:
    """Street View House Numbers (Netzer et al., NIPS 2011 workshop; for non-commercial use): uint8 [N, 3, 32, 32], N = 73,257 for "train", 26,032
    for "test", 531,131 for "extra".

    root: see ``places.data_root``; the file train_32x32.mat lies in root/svhn or in root itself. Its label 10, which stands for the digit 0,
    becomes 0. download: get it by torchvision. verify: the file must be the published one, by its MD5; False reads any in this format.
    Raises InputError, which names the file, for what is missing, damaged or of another shape.
    """
    one_of("split", split, SPLITS)
    root, SVHN = data_root(root), needed("torchvision.datasets").SVHN
    folder = root / "svhn" if (root / "svhn").is_dir() else root
    if download:
        downloaded(lambda: SVHN(str(folder), split, download=True), "SVHN", folder)
    _, name, md5 = SVHN.split_list[split]
    path = found(folder, (name,), "SVHN", "give download=True, or put the file there")
    if verify:
        verified(path, md5, "SVHN")
    try:
        held = needed("scipy.io").loadmat(str(path))
        images, labels = held["X"], held["y"]
    except Exception as error:  # a damaged file fails in any way
        raise InputError(f"{path} must be a MATLAB file with X and y, but it cannot be read ({type(error).__name__}: {error}).") from error
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[:3] != (32, 32, 3):
        raise InputError(f"X in {path} must be uint8 [32, 32, 3, N], but {images.dtype} {list(images.shape)} was found.")
    labels = labels.reshape(-1)
    if len(labels) != images.shape[3]:
        raise InputError(f"{path} must hold one label for each image, but there are {images.shape[3]} images and {len(labels)} labels.")
    if labels.dtype.kind not in "ui" or (len(labels) and not (labels.min() >= 1 and labels.max() <= 10)):
        raise InputError(f"y in {path} must be whole numbers from 1 to 10, but {labels.dtype} from {labels.min()} to {labels.max()} was found.")
    digits = torch.from_numpy(labels.astype(np.int64) % 10)
    return ImageSet(torch.from_numpy(images.transpose(3, 2, 0, 1).copy()), digits, 10, f"svhn, {split}")
