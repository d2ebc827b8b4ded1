"""Text in three parts."""

from typing import NamedTuple


class TextParts(NamedTuple):
    """Texts for training, validation and test, each {name: text}."""

    train: dict[str, str]
    validation: dict[str, str]
    test: dict[str, str]
