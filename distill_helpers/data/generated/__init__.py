"""Generated images that stand in for public sets, named for what they are: digits in fonts on photographs, emoji on photographs."""

from distill_helpers.data.generated.emoji_cifar import emoji_cifar
from distill_helpers.data.generated.emoji_coco import emoji_coco, write_emoji_coco
from distill_helpers.data.generated.font_svhn import font_svhn

__all__ = ["emoji_cifar", "emoji_coco", "font_svhn", "write_emoji_coco"]
