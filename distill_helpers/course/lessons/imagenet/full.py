"""The lesson on ImageNet's own files, or on any folders of images, one for each class."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from distill_helpers.course.applications.public import on_public
from distill_helpers.course.applications.task import Application
from distill_helpers.course.lessons.imagenet.task import CLASSES, IMAGENET, SHIFT, SIZE, VIEWS, large, small
from distill_helpers.data.generated import emoji_names
from distill_helpers.data.public import class_names, load_image_folder
from distill_helpers.data.public.places import data_root

STEPS = 40  # times as many as with the generated pictures
FEW_OF_EACH = 10


def application(root=None, validation: int = 10_000, size: int = SIZE, most: int | None = 250) -> Application:
    """The lesson's nets on root/imagenet/train and root/imagenet/val, as torchvision's ImageNet unpacks ILSVRC 2012, scaled to ``size``.

    most: images of each class that are held in memory, the first by name; None for all 1.28 million, 4 GB at 32 pixels. With 1,000 classes the
    student has 69,112 parameters, of which its head has 49,000.
    Raises InputError, which names file or folder, for a folder that is missing, a class without images, an image that is cut off or none, and a
    class of val that train does not have.
    """
    folder = data_root(root) / "imagenet"
    train, val = _there(folder / "train"), _there(folder / "val")
    names = class_names(train)
    learn, test = load_image_folder(train, size, names, most=most), load_image_folder(val, size, names)
    longer = replace(IMAGENET.recipe, steps=STEPS * IMAGENET.recipe.steps), replace(IMAGENET.teaching, steps=STEPS * IMAGENET.teaching.steps)
    return on_public(IMAGENET, learn, test, validation, views=VIEWS, shift=SHIFT, flip=True, name="imagenet, its own files", recipe=longer[0],
                     teaching=longer[1], longer=STEPS * IMAGENET.longer, few=FEW_OF_EACH * len(names), teacher=partial(large, len(names)),
                     student=partial(small, len(names)))  # fmt: skip


def names_of(app: Application, root=None) -> tuple[str, ...]:
    """What the classes are called: the emoji's names, or those of the folders."""
    return emoji_names(CLASSES) if app is IMAGENET else class_names(data_root(root) / "imagenet" / "train")


def _there(folder: Path) -> Path:
    class_names(folder)  # says what is missing before anything is read
    return folder
