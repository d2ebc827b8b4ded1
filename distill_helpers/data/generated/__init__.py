"""Generated data that stand in for public sets, named for what they are: digits in fonts and emoji on photographs, synthetic speech."""

from distill_helpers.data.generated.emoji_cifar import emoji_cifar
from distill_helpers.data.generated.emoji_coco import emoji_coco, write_emoji_coco
from distill_helpers.data.generated.emoji_files import emoji_folders, write_emoji_folder, write_emoji_shards
from distill_helpers.data.generated.emoji_imagenet import emoji_blocks, emoji_imagenet
from distill_helpers.data.generated.emoji_sprites import emoji_names
from distill_helpers.data.generated.espeak_digits import espeak_digits, espeak_strings
from distill_helpers.data.generated.font_svhn import font_svhn

__all__ = [
    "emoji_blocks", "emoji_cifar", "emoji_coco", "emoji_folders", "emoji_imagenet", "emoji_names", "espeak_digits", "espeak_strings", "font_svhn",
    "write_emoji_coco", "write_emoji_folder", "write_emoji_shards",
]  # fmt: skip
