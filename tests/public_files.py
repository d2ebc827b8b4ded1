"""Small files as the authors of the public sets write them, for tests."""

import gzip
import pickle

import numpy as np
from PIL import Image
from scipy.io import savemat

RANDOM = np.random.default_rng(0)


def pictures(labels, shape):
    """uint8 [N, *shape], noise with a bright block whose place tells the label; height and width are the last two of the shape, or the first."""
    found = RANDOM.integers(0, 60, (len(labels), *shape)).astype(np.uint8)
    for image, label in zip(found, np.asarray(labels).tolist(), strict=True):
        rows, columns = slice(4 * (label // 5), 4 * (label // 5) + 4), slice(4 * (label % 5), 4 * (label % 5) + 4)
        image[(rows, columns) if shape[-1] == 3 else (..., rows, columns)] = 250
    return found


def idx(array):
    return bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def write_mnist(root, packed, split="train", labels=None, images=None):
    labels = np.arange(60) % 10 if labels is None else labels
    images = pictures(labels, (28, 28)) if images is None else images
    folder = root / "MNIST" / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    prefix = "train" if split == "train" else "t10k"
    for name, array in (("images-idx3", images), ("labels-idx1", labels.astype(np.uint8))):
        content = idx(array)
        (folder / f"{prefix}-{name}-ubyte{'.gz' * packed}").write_bytes(gzip.compress(content) if packed else content)
    return images, labels


def write_svhn(root, split="train", labels=None, images=None):
    labels = np.arange(60) % 10 if labels is None else labels
    images = pictures(labels, (3, 32, 32)) if images is None else images
    root.mkdir(exist_ok=True)
    savemat(root / f"{split}_32x32.mat", {"X": images.transpose(2, 3, 1, 0), "y": np.where(labels == 0, 10, labels).astype(np.uint8)[:, None]})
    return images, labels


def batch(images, labels, key):
    """A batch as Python 2 wrote it: words are bytes, and protocol 2."""
    return {b"data": images.reshape(len(images), -1), key: list(map(int, labels)), b"batch_label": b"training batch", b"filenames": [b"a.png"]}


def write_cifar(root, fine=False, protocol=2):
    base, names, key = ("cifar-100-python", ["train", "test"], b"fine_labels") if fine else (
        "cifar-10-batches-py", [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], b"labels")  # fmt: skip
    (root / base).mkdir(parents=True)
    written = []
    for name in names:
        labels = np.arange(20) % (100 if fine else 10)
        images = pictures(labels % 10, (3, 32, 32))
        (root / base / name).write_bytes(pickle.dumps(batch(images, labels, key), protocol=protocol))
        written.append((images, labels))
    return written


def write_folder(root, classes=("bee", "cat", "dog"), each=8):
    for number, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(each):
            size = (40 + 3 * i, 50 - 2 * i)
            tinted = pictures([0], (size[1], size[0], 3))[0] // 4 + np.eye(3, dtype=np.uint8)[number] * 150
            Image.fromarray(tinted).save(root / name / f"{i:03d}.JPEG", quality=95)
    return root


# ---- loader -> training -> report
