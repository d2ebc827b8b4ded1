"""The machinery behind a course on model distillation.

Notebooks write ``import distill_helpers as dh``. Every public name is loaded the first time it is used, so importing
the package costs little more than importing torch.

Threads that wait for each other spin by default, which makes a machine that is busy with something else several times slower.
Importing the package before torch asks them to sleep instead, unless the environment says otherwise.
"""

import os
from importlib import import_module

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # GNU's OpenMP, which torch brings on Linux; read when it is loaded
os.environ.setdefault("KMP_BLOCKTIME", "0")  # Intel's and LLVM's OpenMP, on macOS and Windows

_HOME = {
    # data and models
    "load_digits": "data", "load_digits_cut": "data", "make_views": "data", "ImageSet": "data", "ViewPool": "data", "ArrayPool": "data",
    "TokenPool": "data", "Stream": "data", "Pool": "data", "LazyViewPool": "data", "from_dataset": "data", "next_tokens": "data",
    "write_shards": "data", "load_mnist": "data", "load_svhn": "data", "load_cifar10": "data", "load_cifar100": "data",
    "load_image_folder": "data", "class_names": "data", "write_folder_shards": "data", "load_coco": "data", "boxes_pool": "data",
    "font_svhn": "data", "emoji_cifar": "data", "emoji_coco": "data", "write_emoji_coco": "data",
    "emoji_imagenet": "data", "emoji_names": "data", "emoji_folders": "data", "emoji_blocks": "data", "write_emoji_folder": "data",
    "write_emoji_shards": "data",
    "SoundSet": "data", "espeak_digits": "data", "espeak_strings": "data", "load_speech_commands": "data", "LogMel": "data", "SpecAugment": "data",
    "sound_views": "data",
    "BigMLP": "models", "PlainMLP": "models", "PlainPerceptron": "models", "ResidualStudent": "models", "Detector": "models",
    "digits_teacher": "models", "digits_student": "models", "with_features": "models", "with_outputs": "models",
    # training
    "Recipe": "training", "fit": "training", "distill": "training", "Teacher": "training", "TopK": "training.stores",
    "save_weights": "training", "load_weights": "training", "Replicate": "training.replicates", "draw_replicates": "training.replicates",
    "kept_pictures": "training.kept_pictures", "kept_sounds": "training.kept_sounds",
    "Curve": "training.callbacks", "Best": "training.callbacks", "EarlyStop": "training.callbacks", "CsvLog": "training.callbacks",
    "TensorBoard": "training.callbacks",
    # comparing
    "compare": "comparison", "Arm": "comparison", "Redrawn": "comparison",
    # measuring
    "paired": "measure", "interval": "measure", "unpaired": "measure", "two_way": "measure", "simultaneous": "measure",
    "detect": "measure", "average_precision": "measure", "edits": "measure", "error_rate": "measure", "string_scores": "measure",
    # showing
    "figure": "show", "explore": "show", "Slider": "show", "Choice": "show", "Steps": "show", "table": "show", "samples": "show",
    "views_grid": "show", "errors": "show", "curves": "show",
    # the course
    "start": "course.start", "preflight": "course.preflight", "course_map": "course.catalogue",
    "claim": "course.verdicts", "rehearse": "course.verdicts", "finding": "course.findings", "ledger": "course.ledger", "check": "course.exercises",
    "Unsolved": "course.exercises", "hints": "course.exercises", "options": "course.exercises", "predict": "course.predictions",
    "reading": "course.references", "notation": "course.glossary", "glossary": "course.glossary",
    "read_record": "course.records",
    # the first edition's way to judge, for lessons that have not been reworked
    "first_edition": "course.first_edition", "fact": "course.first_edition", "measured": "course.first_edition",
}
_ROOMS = ("counting", "strategies", "measure", "show", "data", "models", "training", "comparison", "course")

__all__ = [*_HOME, *_ROOMS]


def __getattr__(name):
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
