"""The lesson on all of MNIST."""

from dataclasses import replace

from distill_helpers.course.applications.public import on_public
from distill_helpers.course.applications.task import Application
from distill_helpers.course.lessons.mnist.task import MNIST, SHIFT, VIEWS
from distill_helpers.data.public import load_mnist

STEPS = 10  # times as many as with the bundled digits, of which there are twelve times fewer


def application(root=None, validation: int = 5000, verify: bool = True, download: bool = False) -> Application:
    """The lesson's nets on MNIST's files: 27,500 images teach, 27,500 are the student's, 5,000 choose, and the test set's 10,000 are read."""
    train, test = (load_mnist(root, split, download=download, verify=verify) for split in ("train", "test"))
    longer = replace(MNIST.recipe, steps=STEPS * MNIST.recipe.steps), replace(MNIST.teaching, steps=STEPS * MNIST.teaching.steps)
    return on_public(MNIST, train, test, validation, views=VIEWS, shift=SHIFT, name="mnist, all of it", recipe=longer[0], teaching=longer[1],
                     longer=STEPS * MNIST.longer)  # fmt: skip
