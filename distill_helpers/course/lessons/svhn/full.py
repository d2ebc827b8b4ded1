"""The lesson on all of SVHN."""

from dataclasses import replace

from distill_helpers.course.applications.public import on_public
from distill_helpers.course.applications.task import Application
from distill_helpers.course.lessons.svhn.task import SHIFT, SVHN, VIEWS
from distill_helpers.data.public import load_svhn

STEPS = 10  # times as many as with the generated pictures, of which there are twelve times fewer


def application(root=None, validation: int = 5000, verify: bool = True, download: bool = False) -> Application:
    """The lesson's nets on SVHN's files: half of the training images that are left beside validation teach, half are the student's."""
    train, test = (load_svhn(root, split, download=download, verify=verify) for split in ("train", "test"))
    longer = replace(SVHN.recipe, steps=STEPS * SVHN.recipe.steps), replace(SVHN.teaching, steps=STEPS * SVHN.teaching.steps)
    return on_public(SVHN, train, test, validation, views=VIEWS, shift=SHIFT, name="svhn, all of it", recipe=longer[0], teaching=longer[1],
                     longer=STEPS * SVHN.longer)  # fmt: skip
