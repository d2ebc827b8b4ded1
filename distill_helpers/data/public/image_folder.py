"""Images in folders, one for each class, as ImageNet lies on disk: into memory, or into shards for a Stream."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from distill_helpers.checks import InputError, needed, one_of, whole
from distill_helpers.data.image_set import ImageSet
from distill_helpers.data.shards import write_shards

ENDINGS = {".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"}


def class_names(folder) -> tuple[str, ...]:
    """The names of the classes in ``folder``: its folders, in order of their names. Raises InputError where there is none, or one is empty."""
    return tuple(name for name, _ in _classes(Path(folder)))


def load_image_folder(folder, size: int, names=None, *, most: int | None = None, name: str | None = None) -> ImageSet:
    """The images of folder/<class>/*.jpg as uint8 [N, 3, size, size], labels numbered by the classes' names.

    For ImageNet: root/train and root/val, as ``torchvision.datasets.ImageNet(root, split)`` unpacks its archives (ILSVRC 2012; for research).
    names: of the classes, those of the training folder for a test folder; by default the folder's own. most: of each class, the first by name.
    Each image is read by what it holds, whatever its ending (a PNG named .jpg is a PNG). Grey becomes three equal channels, CMYK is converted,
    what is transparent lies on white; the orientation in EXIF data is not applied, as in torchvision's loader. The shorter side is scaled to 8/7 of
    ``size`` (256 for 224) with antialiasing, then the middle is cut out.
    Raises InputError, which names the file or folder, for one that is missing, empty, no image or cut off, and for a class that ``names`` lacks.
    """
    whole("size", size)
    listed = _listed(Path(folder), names, most)
    images = np.stack([read_image(path, size) for path, _ in listed])
    labels = torch.tensor([label for _, label in listed])
    count = len(names) if names is not None else int(labels.max()) + 1
    return ImageSet(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()), labels, count, name or Path(folder).name)


def write_folder_shards(folder, out, size: int, names=None, *, format: str = "jpg", per_shard: int = 1000, seed: int = 0) -> list[Path]:
    """The same images as shards for a ``Stream``, in an order drawn by ``seed``, one image in memory at a time; returns the shards' paths.

    format: "jpg" (as PIL writes it, at quality 95) or "png" (lossless). What is written is all there or not at all.
    """
    whole("size", size)
    one_of("format", format, ("jpg", "png"))
    listed = _listed(Path(folder), names, None)
    order = np.random.default_rng(seed).permutation(len(listed))
    return write_shards(out, _samples([listed[i] for i in order], size, format), per_shard)


def _samples(listed, size: int, format: str) -> Iterator[dict]:
    Image = needed("PIL.Image")
    for number, (path, label) in enumerate(listed):
        content = io.BytesIO()
        Image.fromarray(read_image(path, size)).save(content, "JPEG" if format == "jpg" else "PNG", **({"quality": 95} if format == "jpg" else {}))
        yield {"__key__": f"{number:09d}", format: content.getvalue(), "cls": label}


def read_image(path, size: int) -> np.ndarray:
    """One image file as uint8 [size, size, 3]; see ``load_image_folder``."""
    Image = needed("PIL.Image")
    try:
        with Image.open(path) as file:
            image = _on_white(file)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as an image: {error}") from error
    shorter = round(size * 8 / 7)
    scale = shorter / min(image.size)
    wide, high = (max(shorter, round(side * scale)) for side in image.size)
    image = image.resize((wide, high), Image.Resampling.BILINEAR)
    left, top = (wide - size) // 2, (high - size) // 2
    return np.asarray(image.crop((left, top, left + size, top + size)))


def _on_white(file):
    if file.mode in ("RGBA", "LA", "PA") or "transparency" in file.info:
        over = file.convert("RGBA")
        white = needed("PIL.Image").new("RGBA", over.size, "white")
        white.alpha_composite(over)
        return white.convert("RGB")
    return file.convert("RGB")


def _classes(folder: Path) -> list[tuple[str, list[Path]]]:
    if not folder.is_dir():
        raise InputError(f"folder must be a folder with one folder for each class, but {str(folder)!r} is none.")
    found = []
    for place in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        files = sorted(p for p in place.rglob("*") if p.suffix.lower() in ENDINGS and p.is_file())
        if not files:
            kinds = ", ".join(sorted(ENDINGS))
            raise InputError(f"{place} must hold images ({kinds}), but there are none; delete the folder of a class that is not wanted.")
        found.append((place.name, files))
    if not found:
        raise InputError(f"{folder} must hold one folder for each class, but there is none.")
    return found


def _listed(folder: Path, names, most: int | None) -> list[tuple[Path, int]]:
    if most is not None:
        whole("most", most)
    classes = _classes(folder)
    names = [name for name, _ in classes] if names is None else list(names)
    strange = [name for name, _ in classes if name not in names]
    if strange:
        raise InputError(f"{folder} has the class {strange[0]!r}, which is not among the {len(names)} classes given ({', '.join(names[:3])} ...).")
    return [(path, names.index(name)) for name, files in classes for path in files[:most]]
