"""Recorded: how many unlabelled images a teacher needs, against the same images with labels, and against controls."""

from functools import lru_cache

from distill_helpers.data import load_digits, make_views
from distill_helpers.measure.calibration import accuracy
from distill_helpers.models import BigMLP, digits_student
from distill_helpers.strategies import HardLabels, ShuffledTeacher, SoftTargets
from distill_helpers.training import Recipe, Teacher, distill, fit
from distill_helpers.training.randomness import build_seeded

NAME = "label_free_and_data_free_unlabelled"
DATA = ["mnist5k.npz"]
TOLERANCE = {"accuracy": 0.03}
SEEDS = tuple(range(5))
TEACHING = Recipe(steps=800, lr=1e-3)
LEARNING = Recipe(steps=1000, lr=1e-2, weight_decay=0.05)
ANSWERS = SoftTargets(temperature=2.0, weight=1.0)
COUNTS = (10, 30, 100, 300, 1000, 3500)
ARMS = {"teacher's answers": ANSWERS, "shuffled in class": ShuffledTeacher(ANSWERS, "class", alone="keep"), "labels": HardLabels()}
SETTINGS = [{"arm": arm, "images": count} for arm in ARMS for count in COUNTS] + [{"arm": "20 labels a class", "images": 200}]


def taught(image_set):
    """The lesson's teacher, an MLP of 269,322 parameters, trained on the labels of a set in 16 views."""
    model = build_seeded(lambda: BigMLP(784, 256, 2, 10), 0)
    fit(model, make_views(image_set, 16, 2), TEACHING)
    return model


@lru_cache(maxsize=1)
def digits_teacher_net():
    """The teacher of all training digits."""
    return taught(load_digits().train)


def learn(images, strategy=ANSWERS, seeds=SEEDS):
    """Students of ``strategy`` on a set of images in 8 views, one a seed; returns the Run."""
    pool = make_views(images, 8, 2)
    teacher = Teacher(digits_teacher_net()).over(pool) if strategy.needs_teacher else None
    return distill(digits_student, teacher, pool, strategy, seeds=seeds, recipe=LEARNING)


def run(setting: dict, seeds=SEEDS) -> list[dict]:
    """One arm on the first so many training images: test accuracy, one row a seed."""
    train, test = load_digits().train, load_digits().test
    if setting["arm"] in ARMS:
        strategy, images = ARMS[setting["arm"]], train.subset(range(setting["images"]))
        images = images if strategy.needs_labels else images.without_labels()
    else:
        strategy, images = HardLabels(), train.per_class(20, seed=0)
    found = accuracy(learn(images, strategy, seeds).predict(test), test.labels)
    return [{"seed": s, "accuracy": found[i].item()} for i, s in enumerate(seeds)]
