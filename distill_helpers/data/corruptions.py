"""Images as they come from a worse camera: five corruptions at three severities each.

In the spirit of Hendrycks & Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", ICLR
2019, whose corruptions are for photographs, and of Mu & Gilmer, "MNIST-C", ICML 2019 workshop. A corruption is for
measuring only: nothing is trained on it.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from distill_helpers.checks import InputError, finite, not_empty, one_of, whole


def noise(x: Tensor, deviation: float, generator) -> Tensor:
    """Normal noise of the given deviation on every pixel."""
    return x + deviation * torch.randn(x.shape, generator=generator).to(x.device)


def blur(x: Tensor, deviation: float, generator=None) -> Tensor:
    """The image smoothed by a normal kernel of the given deviation in pixels; zeros outside."""
    reach = int(3 * deviation + 0.5)
    steps = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    kernel = (-(steps**2) / (2 * deviation**2)).exp()
    kernel = kernel / kernel.sum()
    flat = x.flatten(0, 1).unsqueeze(1)
    down = F.conv2d(flat, kernel.view(1, 1, -1, 1), padding=(reach, 0))
    return F.conv2d(down, kernel.view(1, 1, 1, -1), padding=(0, reach)).view_as(x)


def shift(x: Tensor, pixels: int, generator) -> Tensor:
    """The image moved by ``pixels`` in one of eight directions, drawn for each image; zeros move in."""
    directions = torch.tensor([(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)])
    moves = pixels * directions[torch.randint(8, (len(x),), generator=generator)]
    padded = F.pad(x, [pixels] * 4)
    windows = padded.unfold(2, x.shape[2], 1).unfold(3, x.shape[3], 1)
    down, right = (pixels - moves).to(x.device).unbind(1)
    return windows[torch.arange(len(x), device=x.device), :, down, right]


def contrast(x: Tensor, kept: float, generator=None) -> Tensor:
    """Every pixel's distance from the image's own mean, multiplied by ``kept``."""
    mean = x.mean((1, 2, 3), keepdim=True)
    return mean + kept * (x - mean)


def occlusion(x: Tensor, side: int, generator) -> Tensor:
    """A black square of ``side`` pixels, its place drawn for each image so that it lies wholly inside."""
    height, width = x.shape[2:]
    top = torch.randint(height - side + 1, (len(x), 1), generator=generator)
    left = torch.randint(width - side + 1, (len(x), 1), generator=generator)
    rows, columns = torch.arange(height), torch.arange(width)
    hidden = ((rows >= top) & (rows < top + side)).unsqueeze(2) & ((columns >= left) & (columns < left + side)).unsqueeze(1)
    return x * ~hidden.unsqueeze(1).to(x.device)


# what each corruption takes at severity 1, 2 and 3; chosen so that a student of 200 digits falls from near its clean accuracy to a third of it
KINDS = {
    "noise": (noise, (0.1, 0.2, 0.3)),
    "blur": (blur, (1.0, 1.5, 2.0)),
    "shift": (shift, (2, 3, 4)),
    "contrast": (contrast, (0.6, 0.4, 0.25)),
    "occlusion": (occlusion, (6, 9, 12)),
}
SEVERITIES = (1, 2, 3)


def corrupted(images: Tensor, kind: str, severity: int, seed: int = 0) -> Tensor:
    """The images, uint8 or float in [0, 1], [N, C, H, W], under one corruption, of the same type, cut to the range of the type.

    What is drawn depends on kind, severity and seed alone. Raises InputError for an unknown kind or severity, images of another
    type or shape, or pixels outside [0, 1].
    """
    one_of("kind", kind, tuple(KINDS))
    one_of("severity", severity, SEVERITIES)
    whole("seed", seed, 0)
    x = _as_floats(images)
    change, amounts = KINDS[kind]
    generator = torch.Generator().manual_seed(1000 * seed + 10 * list(KINDS).index(kind) + severity)
    spoilt = change(x, amounts[severity - 1], generator).clamp(0, 1)
    return (255 * spoilt).round().to(torch.uint8) if images.dtype == torch.uint8 else spoilt


def all_corruptions(images: Tensor, seed: int = 0) -> dict[tuple[str, int], Tensor]:
    """{(kind, severity): images} for all fifteen."""
    return {(kind, severity): corrupted(images, kind, severity, seed) for kind in KINDS for severity in SEVERITIES}


def _as_floats(images) -> Tensor:
    if not isinstance(images, Tensor) or images.dim() != 4:
        given = list(images.shape) if isinstance(images, Tensor) else type(images).__name__
        raise InputError(f"images must be [N, C, H, W], but {given} was given.")
    not_empty("images", len(images))
    if images.dtype == torch.uint8:
        return images.float() / 255
    if not images.is_floating_point():
        raise InputError(f"images must be uint8, or floating-point in [0, 1], but {images.dtype} was given.")
    finite("images", images)
    if images.min() < 0 or images.max() > 1:
        raise InputError(f"images must lie in [0, 1], but {images.min():.4g} to {images.max():.4g} were given.")
    return images
