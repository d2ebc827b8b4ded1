"""espeak-ng, called in this process through the library that the package espeakng-loader carries.

espeak-ng is licensed under the GPL-3.0; espeakng-loader, which packs it, belongs to the optional extra [course] and is loaded only where speech is
made. Nothing of it is part of this package, and neither are the sounds, which are made where they are needed.
"""

import contextlib
import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from distill_helpers.checks import InputError, needed

RATE, PITCH = 1, 3  # numbers of espeak_SetParameter in speak_lib.h
RETRIEVAL, BY_CHARACTER, NO_EXIT = 1, 1, 1 << 15  # sounds are given back; a position is a character; an error does not end the process
SYNCHRONOUS = 2
CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Speaker:
    """One copy of the library, which speaks texts one after the other. rate: samples a second of what it gives, in Hz."""

    def __init__(self, library, data: str, seed: int):
        self.library, self.pieces = library, []
        # kept here, since the library calls it for as long as it is loaded
        self.callback = CALLBACK(self._received)
        self.rate = library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), NO_EXIT)
        if self.rate <= 0:
            raise InputError(f"espeak-ng cannot be started with its data in {data!r}; pip install --force-reinstall espeakng-loader.")
        library.espeak_SetSynthCallback(self.callback)
        library.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        library.espeak_ng_SetRandSeed(seed)

    def say(self, text: str, voice: str, speed: int, pitch: int) -> np.ndarray:
        """int16 [samples] of the text. voice: a language, with a variant behind a plus, such as "en-us+f3". speed: words a minute, 80 to 450.
        pitch: 0 to 100, 50 being the voice's own.

        Raises InputError for a language that espeak-ng does not have, and where it gives no sound. A variant that it does not have it passes over.
        """
        if self.library.espeak_SetVoiceByName(voice.encode()):
            raise InputError(f"voice must be one of espeak-ng's, but it has no {voice!r}.")
        self.library.espeak_SetParameter(RATE, speed, 0)
        self.library.espeak_SetParameter(PITCH, pitch, 0)
        written = text.encode() + b"\0"
        self.pieces.clear()
        failed = self.library.espeak_Synth(written, ctypes.c_size_t(len(written)), 0, BY_CHARACTER, 0, 1, None, None)
        failed = failed or self.library.espeak_Synchronize()
        if failed or not self.pieces:
            raise InputError(f"espeak-ng gives no sound for {text!r} in the voice {voice!r} (its status is {failed}).")
        return np.concatenate(self.pieces)

    def _received(self, samples, count, events) -> int:
        if samples and count > 0:
            self.pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0


@contextlib.contextmanager
def speaker(seed: int = 0) -> Iterator[Speaker]:
    """A freshly loaded copy of the library inside the block, its random numbers begun with ``seed``; unloaded afterwards.

    What espeak-ng says depends on all that it has said since it was loaded: where its flutter and its noise stand is kept in variables that
    espeak_Terminate does not set back. So the file is copied and the copy loaded, whose variables are new, whatever else has loaded the original.
    Raises InputError where espeakng-loader is not installed, with the command that installs it, and where the library cannot be loaded.
    """
    loader = needed("espeakng_loader")
    path = Path(loader.get_library_path())
    folder = Path(tempfile.mkdtemp(prefix="espeak-"))
    try:
        try:
            library = ctypes.CDLL(str(shutil.copy(path, folder)))
        except OSError as error:
            advice = "pip install --force-reinstall espeakng-loader"
            raise InputError(f"espeak-ng's library {path.name!r} cannot be loaded: {error}; {advice}.") from error
        try:
            yield Speaker(library, loader.get_data_path(), seed)
        finally:
            library.espeak_Terminate()
            _unload(library)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def variants() -> frozenset[str]:
    """The names of the variants of voices that are installed, such as "f3". Raises InputError where espeakng-loader is not installed."""
    return frozenset(path.name for path in (Path(needed("espeakng_loader").get_data_path()) / "voices" / "!v").iterdir())


def version() -> str:
    """The version of the installed espeakng-loader, and with it of the library. Raises InputError where it is not installed."""
    from importlib.metadata import version as of

    needed("espeakng_loader")
    return of("espeakng-loader")


def _unload(library) -> None:
    import _ctypes

    (_ctypes.FreeLibrary if os.name == "nt" else _ctypes.dlclose)(library._handle)
