"""The bundled pieces that pictures are put together from, read once and held against their checksums."""

import hashlib
import io
from functools import lru_cache
from pathlib import Path

import numpy as np

from distill_helpers.checks import InputError

BUNDLED = Path(__file__).parents[1] / "bundled"
SUMS = {
    "emoji": "23ecfa52b85a5330e194fee63c7854c824eed8cc34450a1f2c52d64dc58d4e1a",
    "emoji_more": "5f71712bb64de87356438600544b5b234944d70073b7c3df002b5d574106dcf9",
    "glyphs": "a46ca5b6008d1512f61ae633872a0d9a3f3b5b333166e4176c8c531996656e20",
    "photos": "d336d2f9acdbe25de14c7c19d895be93205245953d848f05018436dc5d7cc191",
    "sprites": "8914bff86b529d7e6e4fd9c69dd89498a43207d43d7489a2da9f2d5537586338",
}


@lru_cache(maxsize=None)
def pieces(name: str) -> dict[str, np.ndarray]:
    """The arrays of bundled/<name>.npz; see ``bundling`` and ``bundling_emoji`` for what they are. Raises InputError for a damaged file."""
    content = (BUNDLED / f"{name}.npz").read_bytes()
    if hashlib.sha256(content).hexdigest() != SUMS[name]:
        raise InputError(f"the bundled file {name}.npz is damaged; install the package again.")
    with np.load(io.BytesIO(content)) as file:
        return {key: file[key] for key in file.files}
