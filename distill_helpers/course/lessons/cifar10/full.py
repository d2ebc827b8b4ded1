"""The lesson on all of CIFAR-10."""

from dataclasses import replace

from distill_helpers.course.applications.public import on_public
from distill_helpers.course.applications.task import Application
from distill_helpers.course.lessons.cifar10.task import CIFAR10, SHIFT, VIEWS
from distill_helpers.data.public import load_cifar10

STEPS = 10  # times as many as with the generated pictures, of which there are eight times fewer


def application(root=None, validation: int = 5000, verify: bool = True, download: bool = False) -> Application:
    """The lesson's nets on CIFAR-10's files: 22,500 images teach, 22,500 are the student's, 5,000 choose, and the test set's 10,000 are read."""
    train, test = (load_cifar10(root, split, download=download, verify=verify) for split in ("train", "test"))
    longer = replace(CIFAR10.recipe, steps=STEPS * CIFAR10.recipe.steps), replace(CIFAR10.teaching, steps=STEPS * CIFAR10.teaching.steps)
    return on_public(CIFAR10, train, test, validation, views=VIEWS, shift=SHIFT, flip=True, name="cifar-10, all of it", recipe=longer[0],
                     teaching=longer[1], longer=STEPS * CIFAR10.longer)  # fmt: skip
