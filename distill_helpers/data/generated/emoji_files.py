"""Emoji-imagenet on disk: in ImageNet's layout of folders, or in shards, one block of pictures in memory at a time."""

import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from distill_helpers.checks import InputError, needed, one_of
from distill_helpers.data.generated.emoji_imagenet import emoji_blocks
from distill_helpers.data.generated.emoji_sprites import DEFAULT, emoji_names
from distill_helpers.data.shards import write_shards

FORMATS = ("jpg", "png")


def emoji_folders(classes: int = DEFAULT) -> tuple[str, ...]:
    """What the folders of the classes are called: their number, so that order by name is that of the labels, and their name."""
    return tuple(f"{number:03d}_{re.sub('[^a-z0-9]+', '_', name).strip('_')}" for number, name in enumerate(emoji_names(classes)))


def write_emoji_folder(folder, count: int, seed: int, *, format: str = "jpg", quality: int = 90, **changes) -> Path:
    """The pictures of ``emoji_imagenet(count, seed, **changes)`` as folder/<class>/<number>.jpg, as ImageNet lies on disk; returns ``folder``.

    Read by ``load_image_folder`` and by ``torchvision.datasets.ImageFolder``, with the labels of the set. Loaders that scale to 8/7 of the size and
    cut out the middle, as ``load_image_folder``, see the middle 56 of 64 pixels as they are with size=56. format: "jpg", at this quality, or "png"
    (lossless). Every class must have a picture: count is at least the number of classes. All or nothing: what is written lies in a folder beside
    ``folder`` until it is whole.
    Raises InputError for a folder that holds something already, another format or quality, and what ``emoji_imagenet`` refuses.
    """
    pictures, names = _encoded(count, seed, format, quality, changes), emoji_folders(changes.get("classes", DEFAULT))
    if count < len(names):
        raise InputError(f"count must be at least {len(names)}, so that every class has a picture, but {count} was given.")
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"folder must be new or empty, but {str(folder)!r} holds something already.")
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        for name in names:
            (partial / name).mkdir(parents=True)
        for number, (content, label) in enumerate(pictures):
            (partial / names[label] / f"{number:07d}.{format}").write_bytes(content)
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def write_emoji_shards(folder, count: int, seed: int, *, format: str = "jpg", quality: int = 90, per_shard: int = 1000, **changes) -> list[Path]:
    """The same pictures as tar shards for a ``Stream``, with their labels as cls, in the order of the set; returns the shards' paths.

    Raises InputError as ``write_emoji_folder`` and ``write_shards`` do.
    """
    pictures = _encoded(count, seed, format, quality, changes)
    return write_shards(folder, ({format: content, "cls": label} for content, label in pictures), per_shard)


def _encoded(count, seed, format, quality, changes) -> Iterator[tuple[bytes, int]]:
    one_of("format", format, FORMATS)
    one_of("quality", quality, range(1, 101))
    return _files(emoji_blocks(count, seed, **changes), format, quality)


def _files(blocks, format, quality) -> Iterator[tuple[bytes, int]]:
    Image = needed("PIL.Image")
    for images, labels in blocks:
        for image, label in zip(images.permute(0, 2, 3, 1).numpy(), labels.tolist(), strict=True):
            content = io.BytesIO()
            if format == "jpg":
                Image.fromarray(image).save(content, "JPEG", quality=quality)
            else:
                Image.fromarray(image).save(content, "PNG")
            yield content.getvalue(), label
