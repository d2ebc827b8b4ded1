"""Recorded: students that saw no data, by two generators and their controls, and the classes that are generated."""

from functools import lru_cache

import torch
from torch.nn import functional as F

from distill_helpers.course.lessons.label_free_and_data_free.records_unlabelled import digits_teacher_net, learn, taught
from distill_helpers.data import ImageSet, load_digits
from distill_helpers.measure.calibration import accuracy, agreement
from distill_helpers.models import BigMLP, digits_student
from distill_helpers.models.generators import Generator
from distill_helpers.strategies import ConditionalGan, DataFree, DataFreeAdversarial
from distill_helpers.training import Recipe, distill

NAME = "label_free_and_data_free_data_free"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.05, "agreement": 0.05, "certainty": 0.05, "told": 0.05, **{f"share{c}": 0.05 for c in range(10)}}
SEEDS = tuple(range(5))
COUNT, LATENT = 3500, 64
SKEW = (350,) * 5 + (50,) * 5  # images of each class that the skewed teacher saw
BUDGET = Recipe(steps=2000, batch_size=64, lr=1e-2, opponent_lr=3e-4)
STILL = Recipe(steps=2000, batch_size=64, lr=1e-2, opponent_lr=1e-12)
SEEKING = Recipe(steps=2000, batch_size=64, lr=1e-2, opponent_lr=3e-3)
SHORT = Recipe(steps=1000, batch_size=64, lr=1e-2, opponent_lr=3e-4)
GAN = Recipe(steps=1500, batch_size=64, lr=2e-3, opponent_lr=2e-3)


def generator():
    """Smooth pictures from a coarse grid, for data-free distillation."""
    return Generator(LATENT, 128, grid=7)


def conditional_generator():
    """Sharper pictures of a class that is asked for."""
    return Generator(LATENT, 128, grid=14, classes=10, normalise_pixels=False)


def dafl(**changes):
    """DAFL with this lesson's generator; the temperature was chosen on the validation digits."""
    return DataFree(generator, LATENT, temperature=4.0, **changes)


DATA_FREE = {
    "untrained generator": (dafl(), STILL),
    "DAFL": (dafl(), BUDGET),
    "DAFL without one-hot": (dafl(one_hot=0.0), BUDGET),
    "DAFL without activation": (dafl(alpha=0.0), BUDGET),
    "DAFL without entropy": (dafl(beta=0.0), BUDGET),
    "DFAD": (DataFreeAdversarial(generator, LATENT), SEEKING),
    "DAFL, skewed teacher": (dafl(), SHORT),
}
GANS = {"conditional GAN": 1.0, "conditional GAN without R1": 0.0}
SETTINGS = [{"arm": arm} for arm in ("real images", "uniform noise", "random blobs", *DATA_FREE, *GANS)]


def blank() -> ImageSet:
    """All that a data-free student is given: one empty image without a label."""
    return ImageSet(torch.zeros(1, 1, 28, 28, dtype=torch.uint8), None, 10, "blank")


def noise() -> ImageSet:
    """Pixels drawn evenly from 0 to 255."""
    drawn = torch.randint(256, (COUNT, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    return ImageSet(drawn.to(torch.uint8), None, 10, "uniform noise")


def blobs() -> ImageSet:
    """Normal noise on a 7x7 grid, enlarged and squashed: soft dark blobs at random places."""
    coarse = torch.randn(COUNT, 1, 7, 7, generator=torch.Generator().manual_seed(0))
    smooth = F.interpolate(coarse, size=(28, 28), mode="bilinear", align_corners=False)
    return as_images((3 * (smooth - 0.6)).sigmoid(), "random blobs")


def as_images(x, name: str) -> ImageSet:
    """float [N, 1, H, W] in [0, 1] as an ImageSet without labels."""
    return ImageSet((255 * x).round().to(torch.uint8), None, 10, name)


@torch.no_grad()
def made_by(run, student: int, y=None, count: int = COUNT):
    """float [count, 1, 28, 28]: images of one student's generator, of the classes y where it is conditional."""
    z = torch.randn(count, LATENT, generator=torch.Generator().manual_seed(run.seeds[student]))
    return run.model(student, "generator@0")(*((z,) if y is None else (z, y)))


def shares(classes):
    """The share of each of ten classes, [10], in int64 [N]."""
    return torch.bincount(classes, minlength=10) / len(classes)


@lru_cache(maxsize=1)
def skewed_teacher():
    """A teacher of the same shape that saw ``SKEW`` images of the classes."""
    train = load_digits().train
    keep = torch.cat([(train.labels == c).nonzero().squeeze(1)[:many] for c, many in enumerate(SKEW)])
    return taught(train.subset(keep))


def train_gan(penalty: float, seeds):
    """Conditional GANs on the labelled training digits, one a seed."""
    strategy = ConditionalGan(conditional_generator, LATENT, penalty)
    return distill(lambda: BigMLP(784, 128, 2, 10), None, load_digits().train, strategy, seeds=seeds, recipe=GAN)


def students_and_images(arm: str, seeds):
    """Logits [seeds, N, 10] of the arm's students on the test digits, and for each seed the images that it learnt from."""
    test, train = load_digits().test, load_digits().train
    if arm in DATA_FREE:
        strategy, recipe = DATA_FREE[arm]
        teacher = skewed_teacher() if "skewed" in arm else digits_teacher_net()
        run = distill(digits_student, teacher, blank(), strategy, seeds=seeds, recipe=recipe)
        return run.predict(test), [made_by(run, i) for i in range(len(seeds))]
    if arm in GANS:
        run = train_gan(GANS[arm], seeds)
        images = [made_by(run, i, train.labels) for i in range(len(seeds))]
        logits = [learn(as_images(x, arm), seeds=(s,)).predict(test) for s, x in zip(seeds, images, strict=True)]
        return torch.cat(logits), images
    images = {"real images": train.without_labels, "uniform noise": noise, "random blobs": blobs}[arm]()
    return learn(images, seeds=seeds).predict(test), [images.x] * len(seeds)


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One arm: accuracy on the test digits, agreement with the teacher there, and the classes that the teacher sees in the images.

    told: the share of images that the teacher names as the training labels do, where the images were made to those labels.
    """
    arm, test, labels = setting["arm"], load_digits().test, load_digits().train.labels
    logits, images = students_and_images(arm, seeds)
    teacher = skewed_teacher() if "skewed" in arm else digits_teacher_net()
    right, agree, rows = accuracy(logits, test.labels), agreement(logits, teacher(test.x).detach()), []
    for i, seed in enumerate(seeds):
        answers = teacher(images[i]).detach()
        named = answers.argmax(-1)
        row = {"seed": seed, "accuracy": right[i].item(), "agreement": agree[i].item(), "certainty": answers.softmax(-1).amax(-1).mean().item()}
        row["told"] = (named == labels).float().mean().item() if arm in GANS or arm == "real images" else float("nan")
        rows.append(row | {f"share{c}": value.item() for c, value in enumerate(shares(named))})
    return rows
