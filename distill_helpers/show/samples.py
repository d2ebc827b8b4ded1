"""Samples to look at: grids of images, right and wrong ones, augmented views, errors."""

import numpy as np

from distill_helpers.checks import InputError, needed, not_empty, whole
from distill_helpers.show.figure import PALETTE

RIGHT, WRONG = PALETTE[0], PALETTE[1]  # blue and vermilion; wrong ones are dashed as well, for a grey print


def samples(images, labels=None, right=None, columns: int = 8, size: float = 0.9):
    """A grid of images, each over its label. Returns the matplotlib figure.

    images: tensor or array [N, C, H, W] or [N, H, W], any C: uint8 from 0 to 255, or floating point. Grey and colour images from 0 to 1 are
    shown as they are; other floating-point images are stretched from their own smallest to their own largest value, all alike; of other
    numbers of channels the mean is shown. labels: N words or numbers under the images. right: N truth values; a solid blue border says
    right, a dashed red one wrong. size: inches of one image.
    Raises InputError for no images, another shape, values that are not finite, or not one label and truth value for each image.
    """
    plt = needed("matplotlib.pyplot")
    whole("columns", columns)
    pictures = pictures_of(images)
    count = len(pictures)
    labels = None if labels is None else [str(word) for word in _each("labels", labels, count)]
    right = None if right is None else [bool(value) for value in _each("right", right, count)]
    columns = min(columns, count)
    rows = -(-count // columns)
    lines = max(word.count("\n") + 1 for word in labels) if labels else 0
    fig, axes = plt.subplots(rows, columns, figsize=(columns * size, rows * (size + 0.17 * lines)), squeeze=False)
    for number, ax in enumerate(axes.flat):
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        if number >= count:
            ax.set_axis_off()
            continue
        ax.imshow(pictures[number], cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        if labels:
            ax.set_xlabel(labels[number], fontsize=8, labelpad=2)
        for spine in ax.spines.values():
            spine.set_visible(right is not None)
            if right is not None:
                spine.set(color=RIGHT if right[number] else WRONG, linewidth=2.2, linestyle="-" if right[number] else (0, (3, 2)))
    return fig


def views_grid(pool, examples, views: int = 6, size: float = 0.9):
    """Some views of some examples of a pool, one example a row. Returns the matplotlib figure.

    pool: gives ``inputs(view, index)`` as images [N, C, H, W] and ``views``. examples: their indices. views: how many of each are shown.
    Raises InputError for more views than the pool has.
    """
    torch = needed("torch")
    whole("views", views)
    if views > pool.views:
        raise InputError(f"views must be at most {pool.views}, which is what the pool has, but {views} was given.")
    index = torch.as_tensor(list(examples)).repeat_interleave(views)
    view = torch.arange(views).repeat(len(examples))
    return samples(pool.inputs(view, index), labels=[f"{i}, view {v}" for i, v in zip(index.tolist(), view.tolist(), strict=True)],
                   columns=views, size=size)  # fmt: skip


def errors(images, truth, said, names=None, most: int = 16, columns: int = 8, size: float = 0.9):
    """The first ``most`` images that were answered wrongly, each over "truth, not answer". Returns the matplotlib figure.

    truth, said: classes [N]. names: of the classes, in place of their numbers. Raises InputError where nothing is wrong.
    """
    whole("most", most)
    truth, said = np.asarray(truth), np.asarray(said)
    _each("truth", truth, len(images)), _each("said", said, len(images))
    wrong = np.flatnonzero(truth != said)[:most]
    if not len(wrong):
        raise InputError("said must differ from truth somewhere, but every answer is right.")
    name = (lambda c: str(names[c])) if names is not None else str
    labels = [f"{name(truth[i])}, not {name(said[i])}" for i in wrong]
    return samples(np.stack([np.asarray(images[i]) for i in wrong]), labels, [False] * len(wrong), columns, size)


def pictures_of(images) -> np.ndarray:
    """Images as ``samples`` takes them, as an array [N, H, W] or [N, H, W, 3], from 0 to 1."""
    given = np.asarray(images.detach().cpu() if hasattr(images, "detach") else images)
    not_empty("images", len(given))
    if given.ndim not in (3, 4):
        raise InputError(f"images must have the shape [N, C, H, W] or [N, H, W], but {list(given.shape)} was given.")
    values = given.astype(float) / 255 if given.dtype == np.uint8 else given.astype(float)
    if not np.isfinite(values).all():
        raise InputError("images must be finite, but some values are NaN or infinite.")
    low, high = values.min(), values.max()
    if low < 0 or high > 1:
        values = (values - low) / max(high - low, 1e-12)
    if values.ndim == 3:
        return values
    return values.transpose(0, 2, 3, 1) if values.shape[1] == 3 else values.mean(1)


def _each(name, given, count):
    if len(given) != count:
        raise InputError(f"{name} must be one for each of the {count} images, but {len(given)} were given.")
    return given
