"""The published experiment: CIFAR-100, ResNet-56 teaches ResNet-20, as Tian, Krishnan & Isola (ICLR 2020) ran it, table 1."""

from dataclasses import dataclass

from distill_helpers.checks import InputError, whole
from distill_helpers.course.applications.trials import answered
from distill_helpers.data import make_views
from distill_helpers.data.public import load_cifar100
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models.resnet import SmallResNet
from distill_helpers.strategies import HardLabels, SoftTargets
from distill_helpers.training import Recipe, Teacher, distill, fit
from distill_helpers.training.device import pick_device
from distill_helpers.training.randomness import build_seeded

PUBLISHED = {"ResNet-56, the teacher": 72.34, "ResNet-20 alone": 69.06, "ResNet-20, soft targets": 70.66}  # test accuracy, %
EPOCHS, FALLS, BATCH = 240, (150, 180, 210), 64
SHIFT, VIEWS = 4, 162  # a crop of 32 pixels from 40, mirrored or not: 81 places, twice
HEAT, WEIGHT = 4.0, 0.9


@dataclass(frozen=True)
class Falling(Recipe):
    """A recipe whose rate falls tenfold at each of the steps ``falls``."""

    falls: tuple[int, ...] = ()

    def lr_factor(self, step: int) -> float:
        return 0.1 ** sum(step >= fall for fall in self.falls)


def recipe(images: int, epochs: int = EPOCHS) -> Falling:
    """SGD with momentum 0.9, batch 64, weight decay 5e-4, rate 0.05, tenfold down after 150, 180 and 210 of 240 epochs. Fewer epochs fall alike."""
    whole("images", images)
    whole("epochs", epochs)
    each = max(1, images // BATCH)
    falls = tuple(round(fall * epochs / EPOCHS * each) for fall in FALLS)
    return Falling(steps=epochs * each, batch_size=min(BATCH, images), lr=0.05, weight_decay=5e-4, optimizer="sgd", momentum=0.9,
                   schedule="constant", warmup=0.0, check_every=each, falls=falls)  # fmt: skip


def run(root=None, epochs: int = EPOCHS, seed: int = 0, views: int = VIEWS, verify: bool = True, progress: bool = True) -> dict:
    """{name: test accuracy, %} as in ``PUBLISHED``; 240 epochs are hours on a GPU. Teacher and student learn from all 50,000 images.

    Raises InputError where the files are missing or damaged.
    """
    train, test = (load_cifar100(root, split, verify=verify) for split in ("train", "test"))
    if train.classes != test.classes:
        raise InputError(f"both files must have the same classes, but {train.classes} and {test.classes} were found.")
    pool = make_views(train, views, SHIFT, flip=True, lazy=True).to(pick_device("auto"))
    how = recipe(len(train), epochs)
    big = build_seeded(lambda: SmallResNet(56, train.classes), seed)
    fit(big, pool, how, seed=seed, progress=progress)
    teacher = Teacher(big).over(pool, store="half")  # fewer questions than to ask in each of 240 epochs; 1.6 GB
    found = {"ResNet-56, the teacher": 100 * accuracy(answered(big.cpu().eval(), test), test.labels).item()}
    for name, strategy in (("ResNet-20 alone", HardLabels()), ("ResNet-20, soft targets", SoftTargets(HEAT, WEIGHT))):
        asked = teacher if strategy.needs_teacher else None
        trained = distill(lambda: SmallResNet(20, train.classes), asked, pool, strategy, seeds=(seed,), recipe=how, stack=False,
                          progress=progress)  # fmt: skip
        found[name] = 100 * accuracy(trained.predict(test)[0], test.labels).item()
    return found


def table(ours: dict | None = None) -> list[dict]:
    """One row a model for ``dh.table``: the published accuracy beside ours, which is missing until ``run`` was run."""
    return [{"model": name, "published, %": value, "ours, %": (ours or {}).get(name, float("nan"))} for name, value in PUBLISHED.items()]
