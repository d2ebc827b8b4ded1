"""A vocabulary whose tokens are characters."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_helpers.checks import InputError

PADDING = 0


@dataclass(frozen=True)
class CharacterVocabulary:
    """characters: each once; character i is token i + 1, and token 0 is padding. ``size`` counts both.

    Raises InputError for no characters or one that comes twice.
    """

    characters: str
    padding = PADDING

    def __post_init__(self):
        if not isinstance(self.characters, str) or not self.characters or len(set(self.characters)) < len(self.characters):
            raise InputError(f"characters must be a string of one or more, each once, but {self.characters!r} was given.")
        object.__setattr__(self, "_numbers", {c: i for i, c in enumerate(self.characters, 1)})

    @staticmethod
    def of(texts: Iterable[str]) -> "CharacterVocabulary":
        """That of all characters in the texts, in the order of their code points."""
        return CharacterVocabulary("".join(sorted(set().union(*texts))))

    @property
    def size(self) -> int:
        """How many tokens there are, padding included."""
        return len(self.characters) + 1

    def encode(self, text: str) -> Tensor:
        """The tokens of a text, int64 [length]. Raises InputError, with its place, for a character that is not in the vocabulary."""
        try:
            return torch.tensor([self._numbers[c] for c in text], dtype=torch.int64)
        except KeyError:
            place, wrong = next((i, c) for i, c in enumerate(text) if c not in self._numbers)
            said = f"{wrong!r} at place {place} is none of its {self.size - 1}"
            raise InputError(f"text must hold characters of the vocabulary, but {said}.") from None

    def decode(self, tokens: Tensor) -> str:
        """The text of tokens [length]; padding is left out. Raises InputError for tokens that are not in the vocabulary."""
        found = tokens.tolist()
        if found and not 0 <= min(found) <= max(found) < self.size:
            raise InputError(f"tokens must be from 0 to {self.size - 1}, but {min(found)} to {max(found)} were given.")
        return "".join(self.characters[t - 1] for t in found if t != PADDING)
