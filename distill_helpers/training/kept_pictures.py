"""Generated picture sets on disk: made once, kept under a key that only the same set has, and verified when read."""

import dataclasses
import hashlib
import inspect
import json
import warnings
from pathlib import Path

from torch import Tensor

from distill_helpers.checks import InputError
from distill_helpers.data.coco import CocoSet
from distill_helpers.data.devices import in_words
from distill_helpers.data.image_set import ImageSet
from distill_helpers.training.cache import cache_folder
from distill_helpers.training.files import DamagedFile, map_tensors, write_tensors
from distill_helpers.training.identity import code_of
from distill_helpers.training.stores import free_disk

KINDS = {kind.__name__: kind for kind in (ImageSet, CocoSet)}
HOME = "distill_helpers.data.generated."


def kept_pictures(make, *given, cache="auto", **named):
    """``make(*given, **named)``, read from disk where it was kept before: ``kept_pictures(emoji_imagenet, 20_000, seed=0)``.

    make: a generator of this package (``emoji_imagenet``, ``emoji_cifar``, ``emoji_coco``, ``font_svhn``). cache: the folder, None to keep nothing,
    or "auto" for the one that DISTILL_CACHE names. A file belongs to one generator, its code, the bundled pieces and all arguments. Pictures that
    were kept stay on the disk and are read where they are looked at. A damaged file is said and made anew; where nothing can be written, that is
    said and the set is in memory.
    Raises InputError for another ``make``, for arguments it does not take, and what it raises itself.
    """
    path = _place(make, given, named, cache)
    found = _read(path) if path is not None else None
    if found is not None:
        return found
    made = make(*given, **named)
    if type(made).__name__ not in KINDS:
        raise _no_generator(make)
    if path is not None:
        _write(path, made)
    return made


def _place(make, given, named, cache) -> Path | None:
    if not inspect.isfunction(make) or not make.__module__.startswith(HOME):
        raise _no_generator(make)
    module, name = make.__module__, make.__qualname__
    try:
        bound = inspect.signature(make).bind(*given, **named)
    except TypeError as error:
        raise InputError(f"the arguments must be those of {name}, but there is {error}.") from error
    folder = cache_folder(cache)
    if folder is None:
        return None
    bound.apply_defaults()
    key = repr([name, code_of(module), sorted(bound.arguments.items())])
    return folder.with_name("pictures") / f"{name}_{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"


def _no_generator(make) -> InputError:
    name = getattr(make, "__qualname__", repr(make))
    return InputError(f"make must be a generator of pictures of this package, such as emoji_imagenet, but {name} was given.")


def _read(path: Path):
    if not path.exists():
        return None
    try:
        tensors, meta = map_tensors(path)
        plain = {name: tuple(value) if name in meta["tuples"] else value for name, value in meta["plain"].items()}
        return KINDS[meta["kind"]](**tensors, **plain)
    except DamagedFile as error:
        warnings.warn(f"the kept pictures {path.name} are damaged; they are made anew. {error}", stacklevel=3)
    except (InputError, OSError) as error:
        warnings.warn(f"the kept pictures {path.name} are made anew: {error}", stacklevel=3)
    return None


def _write(path: Path, made) -> None:
    held = {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}
    tensors = {name: value for name, value in held.items() if isinstance(value, Tensor)}
    plain = {name: value for name, value in held.items() if name not in tensors}
    tuples = [name for name, value in plain.items() if isinstance(value, tuple)]
    meta = json.loads(json.dumps({"kind": type(made).__name__, "plain": plain, "tuples": tuples}))
    size, free = sum(t.numel() * t.element_size() for t in tensors.values()), free_disk(path.parent)
    try:
        if size > free:
            raise InputError(f"they take {in_words(size)}, and {in_words(free)} are free")
        write_tensors(path, tensors, meta)
    except InputError as error:
        warnings.warn(f"the pictures cannot be kept in {str(path.parent)!r} ({error}); they are in memory.", stacklevel=3)
