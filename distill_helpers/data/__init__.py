"""Data: image sets as tensors, splits, and pools of examples, in memory or streamed from disk."""

from distill_helpers.data.arrays import ArrayPool
from distill_helpers.data.coco import CocoSet, boxes_pool, load_coco
from distill_helpers.data.datasets import from_dataset
from distill_helpers.data.devices import same_device
from distill_helpers.data.digits import load_digits
from distill_helpers.data.digits_cut import load_digits_cut
from distill_helpers.data.features import LogMel, SpecAugment, sound_views
from distill_helpers.data.generated import (
    emoji_blocks,
    emoji_cifar,
    emoji_coco,
    emoji_folders,
    emoji_imagenet,
    emoji_names,
    espeak_digits,
    espeak_strings,
    font_svhn,
    write_emoji_coco,
    write_emoji_folder,
    write_emoji_shards,
)
from distill_helpers.data.hashing import tensors_hash
from distill_helpers.data.image_set import ImageSet, Splits
from distill_helpers.data.pool import Pool
from distill_helpers.data.public import (
    class_names,
    load_cifar10,
    load_cifar100,
    load_image_folder,
    load_mnist,
    load_speech_commands,
    load_svhn,
    write_folder_shards,
)
from distill_helpers.data.shards import write_shards
from distill_helpers.data.sound_set import SoundSet
from distill_helpers.data.streams import Stream
from distill_helpers.data.tokens import TokenPool, next_tokens
from distill_helpers.data.views import LazyViewPool, ViewPool, make_views

__all__ = [
    "ArrayPool", "CocoSet", "ImageSet", "LazyViewPool", "LogMel", "Pool", "SoundSet", "SpecAugment", "Splits", "Stream", "TokenPool", "ViewPool",
    "boxes_pool", "class_names", "emoji_blocks", "emoji_cifar", "emoji_coco", "emoji_folders", "emoji_imagenet", "emoji_names", "espeak_digits",
    "espeak_strings", "font_svhn", "from_dataset", "load_cifar10", "load_cifar100", "load_coco", "load_digits", "load_digits_cut",
    "load_image_folder", "load_mnist", "load_speech_commands", "load_svhn", "make_views", "next_tokens", "same_device", "sound_views",
    "tensors_hash", "write_emoji_coco", "write_emoji_folder", "write_emoji_shards", "write_folder_shards", "write_shards",
]  # fmt: skip
