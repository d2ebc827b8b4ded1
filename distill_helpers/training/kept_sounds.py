"""Generated sets of sounds on disk: spoken once, kept under a key that only the same set has, and verified when read."""

import hashlib
import inspect
import warnings
from pathlib import Path

from torch import Tensor

from distill_helpers.checks import InputError
from distill_helpers.data.devices import in_words
from distill_helpers.data.generated.espeak import version
from distill_helpers.data.generated.espeak_digits import espeak_digits, espeak_strings
from distill_helpers.data.sound_set import SoundSet
from distill_helpers.training.cache import cache_folder
from distill_helpers.training.files import DamagedFile, map_tensors, write_tensors
from distill_helpers.training.identity import code_of
from distill_helpers.training.stores import free_disk

MAKERS = (espeak_digits, espeak_strings)
TENSORS, PLAIN = ("sounds", "labels", "lengths"), ("classes", "name", "rate", "names")


def kept_sounds(make, *given, cache="auto", **named) -> SoundSet:
    """``make(*given, **named)``, read from disk where it was kept before: ``kept_sounds(espeak_digits, 4000, seed=0)``.

    make: ``espeak_digits`` or ``espeak_strings``. cache: the folder, None to keep nothing, or "auto" for the one that DISTILL_CACHE names. A file
    belongs to one function, its code, the version of the synthesiser and all arguments, and carries a checksum. A damaged file is said and made
    anew; where nothing can be written, that is said and the set is in memory. Sounds are never part of the repository.
    Raises InputError for another ``make``, for arguments it does not take, and what it raises itself.
    """
    if make not in MAKERS:
        raise InputError(f"make must be {' or '.join(m.__name__ for m in MAKERS)}, but {getattr(make, '__qualname__', repr(make))} was given.")
    try:
        bound = inspect.signature(make).bind(*given, **named)
    except TypeError as error:
        raise InputError(f"the arguments must be those of {make.__name__}, but there is {error}.") from error
    folder = cache_folder(cache)
    if folder is None:
        return make(*given, **named)
    bound.apply_defaults()
    key = repr([make.__name__, code_of(make.__module__), version(), sorted(bound.arguments.items())])
    path = folder.with_name("sounds") / f"{make.__name__}_{hashlib.sha256(key.encode()).hexdigest()[:32]}.safetensors"
    found = _read(path)
    if found is None:
        found = make(*given, **named)
        _write(path, found)
    return found


def _read(path: Path) -> SoundSet | None:
    if not path.exists():
        return None
    try:
        tensors, meta = map_tensors(path)
        return SoundSet(**tensors, **{**meta, "names": tuple(meta["names"])})
    except DamagedFile as error:
        warnings.warn(f"the kept sounds {path.name} are damaged; they are made anew. {error}", stacklevel=3)
    except (InputError, OSError) as error:
        warnings.warn(f"the kept sounds {path.name} are made anew: {error}", stacklevel=3)
    return None


def _write(path: Path, made: SoundSet) -> None:
    tensors = {name: getattr(made, name) for name in TENSORS if isinstance(getattr(made, name), Tensor)}
    meta = {name: getattr(made, name) for name in PLAIN}
    size, free = sum(t.numel() * t.element_size() for t in tensors.values()), free_disk(path.parent)
    try:
        if size > free:
            raise InputError(f"they take {in_words(size)}, and {in_words(free)} are free")
        write_tensors(path, tensors, {**meta, "names": list(made.names)})
    except InputError as error:
        warnings.warn(f"the sounds cannot be kept in {str(path.parent)!r} ({error}); they are in memory.", stacklevel=3)
