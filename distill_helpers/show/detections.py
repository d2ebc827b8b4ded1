"""Boxes drawn on images: the truth and the answers of several detectors side by side."""

from collections import Counter
from itertools import chain

from distill_helpers.checks import InputError, needed, not_empty, positive
from distill_helpers.measure.detection import Found
from distill_helpers.measure.detection_errors import MISSED, RIGHT, Judged
from distill_helpers.show.figure import PALETTE, Picture
from distill_helpers.show.samples import pictures_of

# white would be lost on light images and black on dark ones, so words stand on a plate
PLATE = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.6}
STYLE = {RIGHT: "-", MISSED: ":"}  # everything else is wrong, and dashed


def detections(images, panels: dict, names, caption: str, size: float = 1.9) -> Picture:
    """One image a row, one panel a column, each with its boxes and their class. Returns the Picture, whose alt text counts what is drawn.

    images: [N, C, H, W], as for ``samples``. panels: {title: one entry for each image}, an entry being a pair (boxes [n, 4] in pixels, labels
    [n]) such as ``boxes.unpadded`` gives of the truth, what ``detect`` gives (all of it is drawn: choose by ``Found.above``), or what ``judged``
    gives: then errors are dashed and named, and missed objects dotted. names: of the classes, whose colours repeat after eight; the words do not.
    Raises InputError for no images or panels, an entry of another kind, or not one entry for each image.
    """
    plt, patches = needed("matplotlib.pyplot"), needed("matplotlib.patches")
    positive("size", size)
    pictures = pictures_of(images)
    not_empty("panels", len(panels))
    marks = {title: [_marks(title, entry) for entry in _each(title, entries, len(pictures))] for title, entries in panels.items()}
    fig, axes = plt.subplots(len(pictures), len(panels), figsize=(size * len(panels), size * len(pictures)), squeeze=False)
    for row, picture in enumerate(pictures):
        for ax, (title, found) in zip(axes[row], marks.items(), strict=True):
            ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
            ax.set(xticks=[], yticks=[], title=title if row == 0 else "")
            ax.grid(False)
            ax.spines[:].set_visible(False)
            for (left, top, right, bottom), label, kind in found[row]:
                colour, style = PALETTE[label % len(PALETTE)], STYLE.get(kind, "--") if kind else "-"
                ax.add_patch(patches.Rectangle((left, top), right - left, bottom - top, fill=False, color=colour, linestyle=style, linewidth=1.6))
                words = names[label] if kind in (None, RIGHT) else f"{names[label]}: {kind}"
                above = top > 0.08 * len(picture)  # a box at the upper border has its words inside
                ax.text(left, top, words, fontsize=6, va="bottom" if above else "top", clip_on=True, bbox=PLATE)
    return Picture(fig, _words(marks, names), caption)


def _marks(title: str, entry) -> list[tuple]:
    """(corners, label, kind or None) of each box."""
    if isinstance(entry, Judged):
        answers = zip(entry.found.boxes.tolist(), entry.found.labels.tolist(), entry.kinds, strict=True)
        truths = zip(entry.boxes.tolist(), entry.labels.tolist(), entry.seen, strict=True)
        return [*answers, *((box, label, MISSED) for box, label, seen in truths if not seen)]
    if isinstance(entry, Found):
        entry = (entry.boxes, entry.labels)
    if not isinstance(entry, tuple) or len(entry) != 2 or len(entry[0]) != len(entry[1]):
        raise InputError(f"panels[{title!r}] must hold pairs (boxes, labels), or what detect or judged gives, but {type(entry).__name__} "
                         f"was given.")  # fmt: skip
    return [(box, label, None) for box, label in zip(entry[0].tolist(), entry[1].tolist(), strict=True)]


def _each(title, entries, count):
    if len(entries) != count:
        raise InputError(f"panels[{title!r}] must have one entry for each of {count} images, but {len(entries)} were given.")
    return entries


def _words(marks: dict, names) -> str:
    """The alt text: how many boxes of which class, or of which kind, each panel has."""
    images = len(next(iter(marks.values())))
    parts = []
    for title, found in marks.items():
        every = list(chain.from_iterable(found))
        counted = Counter(names[label] if kind is None else kind for _, label, kind in every)
        listed = ", ".join(f"{count} {word}" for word, count in counted.most_common()) or "none"
        parts.append(f"{title}: {listed}")
    return f"{images} {'image' if images == 1 else 'images'} with boxes drawn around objects. {'; '.join(parts)}."
