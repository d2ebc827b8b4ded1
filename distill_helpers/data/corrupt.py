"""Sets that are spoilt on purpose: labels and pixels that say nothing, labels that are wrong, labels that contradict each other.

Every function gives a new ImageSet and leaves the old one as it was; what is drawn depends on the seed and the set's size alone.
"""

from dataclasses import replace

import torch
from torch import Tensor

from distill_helpers.checks import InputError, fraction, labels_in_range, whole
from distill_helpers.data.image_set import ImageSet


def random_labels(image_set: ImageSet, seed: int = 0) -> ImageSet:
    """The same images, each with a label drawn uniformly from all classes, so right by chance at times.

    Zhang et al., "Understanding deep learning requires rethinking generalization", ICLR 2017, section 2.1.
    """
    drawn = torch.randint(image_set.classes, (len(image_set),), generator=_generator(seed))
    return replace(image_set, labels=drawn.to(image_set.images.device), name=f"{image_set.name}, random labels")


def shuffled_pixels(image_set: ImageSet, seed: int = 0, each: bool = False) -> ImageSet:
    """The pixels of every image in another order: one order for all images, or with ``each`` one for each image.

    Channels move together. Without ``each`` the order depends on seed and image size alone, so that a training and a test set
    get the same one. Zhang et al. 2017, section 2.1 ("shuffled pixels" and "random pixels").
    """
    pixels = image_set.images.flatten(2)
    rows = len(image_set) if each else 1
    order = torch.rand(rows, 1, pixels.shape[2], generator=_generator(seed)).argsort(-1).to(pixels.device)
    name = "random pixels" if each else "shuffled pixels"
    moved = pixels.gather(2, order.expand_as(pixels)).view_as(image_set.images)
    return replace(image_set, images=moved, name=f"{image_set.name}, {name}")


def gaussian_images(image_set: ImageSet, seed: int = 0) -> ImageSet:
    """Normal noise in place of every image, with the mean and deviation of the set's pixels, rounded and cut to 0 ... 255.

    The labels stay, and no longer mean anything. Zhang et al. 2017, section 2.1 ("Gaussian").
    """
    pixels = image_set.images.double()
    noise = torch.randn(pixels.shape, generator=_generator(seed)).to(pixels.device)
    drawn = (pixels.mean() + pixels.std() * noise).round().clamp(0, 255).to(torch.uint8)
    return replace(image_set, images=drawn, name=f"{image_set.name}, Gaussian noise")


def label_noise(image_set: ImageSet, rate: float, seed: int = 0) -> ImageSet:
    """A share ``rate`` of the labels, rounded to whole examples, replaced by one of the OTHER classes, each as likely.

    A higher rate with the same seed spoils the same labels in the same way, and more. Symmetric noise as in Patrini et al.,
    "Making Deep Neural Networks Robust to Label Noise", CVPR 2017. Raises InputError for a rate outside [0, 1], a set without
    labels, or one class only.
    """
    fraction("rate", rate)
    labels, generator = _labels(image_set), _generator(seed)
    if image_set.classes < 2:
        raise InputError("image_set must have at least 2 classes for a label to become wrong, but it has 1.")
    order = torch.randperm(len(labels), generator=generator)
    offset = torch.randint(1, image_set.classes, (len(labels),), generator=generator).to(labels.device)
    spoilt = order[: round(rate * len(labels))].to(labels.device)
    noisy = labels.clone()
    noisy[spoilt] = (labels[spoilt] + offset[spoilt]) % image_set.classes
    return replace(image_set, labels=noisy, name=f"{image_set.name}, {rate:.0%} label noise")


def contradictory(image_set: ImageSet, copies: int = 3, rate: float = 0.5, seed: int = 0) -> ImageSet:
    """Each image ``copies`` times, [copies · N, ...], with label noise at ``rate`` drawn over all copies: equal inputs, other labels.

    Raises InputError for copies below 1, and as ``label_noise`` does.
    """
    whole("copies", copies)
    repeated = image_set.subset(torch.arange(len(image_set)).repeat(copies))
    return replace(label_noise(repeated, rate, seed), name=f"{image_set.name}, contradictory")


def accuracy_ceiling(image_set: ImageSet) -> float:
    """The best accuracy on the set itself that any function of the input can reach; 1 minus it is the floor of the error.

    A function gives equal inputs one answer, so at best each distinct input's most frequent label: the sum of those counts
    over N. Raises InputError for a set without labels.
    """
    _, which = image_set.images.flatten(1).unique(dim=0, return_inverse=True)
    return votes(which, _labels(image_set), image_set.classes).max(1).values.sum().item() / len(image_set)


def votes(which: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How often each distinct input carries each label: int64 [distinct, classes]. which: int64 [N], the number of each one's input.

    Raises InputError unless labels are from 0 to classes - 1.
    """
    labels_in_range("labels", labels, classes)
    distinct = int(which.max()) + 1
    return torch.bincount(which * classes + labels, minlength=distinct * classes).view(distinct, classes)


def _generator(seed: int) -> torch.Generator:
    whole("seed", seed, 0)
    return torch.Generator().manual_seed(seed)


def _labels(image_set: ImageSet) -> Tensor:
    if image_set.labels is None:
        raise InputError(f"image_set must carry labels, but {image_set.name} has none.")
    return image_set.labels
