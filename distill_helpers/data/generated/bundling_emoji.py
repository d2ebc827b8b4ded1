"""How the emoji of ``emoji_imagenet`` were chosen and packed: emoji.npz (the first 100 classes) and emoji_more.npz (all others).

    python -m distill_helpers.data.generated.bundling_emoji PACKAGES OUT

PACKAGES: a folder with the unpacked npm packages emoji-datasource-google and emoji-datasource-twitter 16.0.0 as google/ and twitter/
(``npm pack``, then ``tar -x``; each holds emoji.json and img/<vendor>/64/*.png). Both files hold "packed", the xz stream of the pictures,
uint8 [2 vendors, classes, SIDE, SIDE, 4] from 0 to LEVELS; "names" and "codes" of the classes; "categories".
"""

import json
import lzma
import sys
from itertools import product
from pathlib import Path

import numpy as np

from distill_helpers.checks import needed
from distill_helpers.data.generated.bundling import VENDORS

SIDE = 64  # pixels
LEVELS = 63  # six bits a colour: the least noise that pictures get is larger than what is rounded off
FIRST = 100  # classes in the first file
CATEGORIES = ("Animals & Nature", "Food & Drink", "Activities", "Travel & Places", "Objects")
ALIKE = 0.135  # two emoji that differ by less are near duplicates; see ``difference``
# of what lies in a file, four bytes to a pixel
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 2, "lp": 2, "pb": 2}]


def main(given) -> None:
    """Choose the classes and write both files."""
    folder, out = map(Path, given)
    listed = json.loads((folder / VENDORS[0] / "emoji.json").read_text(encoding="utf-8"))
    both = [e for e in listed if e["category"] in CATEGORIES and all(e[f"has_img_{vendor}"] for vendor in VENDORS)]
    both.sort(key=lambda e: e["sort_order"])  # Unicode's order
    pictures = np.stack([[_read(folder / v / "img" / v / str(SIDE) / e["image"]) for e in both] for v in VENDORS])
    kept = distinct(np.minimum(*(difference(drawn) for drawn in pictures)))
    chosen = [kept[i] for i in spread([CATEGORIES.index(both[k]["category"]) for k in kept])]
    for name, part in (("emoji", chosen[:FIRST]), ("emoji_more", chosen[FIRST:])):
        packed = lzma.compress(pictures[:, part].tobytes(), format=lzma.FORMAT_XZ, filters=FILTERS)
        about = [(both[k]["name"].lower(), Path(both[k]["image"]).stem, both[k]["category"]) for k in part]
        names, codes, categories = map(np.array, zip(*about, strict=True))
        np.savez(out / f"{name}.npz", packed=np.frombuffer(packed, np.uint8), names=names, codes=codes, categories=categories)
    print(f"{len(both)} emoji of both vendors, {len(kept)} without near duplicates")


def difference(pictures: np.ndarray) -> np.ndarray:
    """How much the emoji of one vendor differ, [N, N], from 0 to 1, of pictures [N, SIDE, SIDE, 4] as they are kept.

    The root of the mean squared difference of colours (on grey) and opacity at half the size, the smallest over mirror images and shifts of one
    pixel in either direction, which no learner could tell apart in pictures that mirror and move them.
    """
    colour, solid = np.split(pictures.astype(np.float64) / LEVELS, [3], axis=-1)
    seen = np.concatenate([0.5 + solid * (colour - 0.5), solid], -1)
    small = seen.reshape(len(seen), SIDE // 2, 2, SIDE // 2, 2, 4).mean((2, 4))
    flat, least = small.reshape(len(small), -1), np.inf
    size = (flat**2).sum(1)
    for mirror, down, right in product((1, -1), (-1, 0, 1), (-1, 0, 1)):
        other = np.roll(small[:, :, ::mirror], (down, right), (1, 2)).reshape(len(small), -1)
        gap = np.sqrt(np.maximum(size[:, None] + size - 2 * flat @ other.T, 0) / flat.shape[1])
        least = np.minimum(least, np.minimum(gap, gap.T))
    return least


def distinct(apart: np.ndarray) -> list[int]:
    """Of emoji that are ``apart`` [N, N], in order, those that differ from all kept before them by ALIKE or more."""
    kept = []
    for i in range(len(apart)):
        if not kept or apart[i, kept].min() >= ALIKE:
            kept.append(i)
    return kept


def spread(categories: list[int]) -> list[int]:
    """An order of emoji, given the category of each, in which the first ones are spread over the categories and within each of them.

    The categories take turns, as long as they have some left. Within each they come by halving: by the digits of their rank, read backwards as a
    binary fraction (van der Corput's sequence).
    """
    waiting = []
    for category in range(len(CATEGORIES)):
        mine = [i for i, c in enumerate(categories) if c == category]
        bits = max(len(mine) - 1, 1).bit_length()
        order = [int(f"{rank:0{bits}b}"[::-1], 2) for rank in range(2**bits)]
        waiting.append([mine[rank] for rank in order if rank < len(mine)])
    return [queue[turn] for turn in range(max(map(len, waiting))) for queue in waiting if turn < len(queue)]


def _read(path: Path) -> np.ndarray:
    """uint8 [SIDE, SIDE, 4] from 0 to LEVELS, without colour where nothing can be seen."""
    with needed("PIL.Image").open(path) as file:
        pixels = np.asarray(file.convert("RGBA"))
    coarse = (pixels.astype(np.uint32) * LEVELS * 2 + 255) // 510  # to the nearest
    return np.where(coarse[..., 3:] > 0, coarse, 0).astype(np.uint8)


if __name__ == "__main__":
    main(sys.argv[1:])
