"""A small vocabulary of parts of words, learnt by merging pairs."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from distill_helpers.checks import InputError, needed, whole

PADDING, BYTES = 0, 256


@dataclass(frozen=True)
class SubwordVocabulary:
    """content: a tokenizer of the package ``tokenizers`` as JSON, in which token 0 is padding; ``train_subwords`` makes one.

    A value: equal contents are equal vocabularies. Raises InputError when the package is not installed.
    """

    content: str
    padding = PADDING

    def __post_init__(self):
        object.__setattr__(self, "_tokenizer", needed("tokenizers").Tokenizer.from_str(self.content))

    def __reduce__(self):
        return type(self), (self.content,)

    @property
    def size(self) -> int:
        """How many tokens there are, padding included."""
        return self._tokenizer.get_vocab_size()

    def encode(self, text: str) -> Tensor:
        """The tokens of any text, int64 [length]."""
        return torch.tensor(self._tokenizer.encode(text).ids, dtype=torch.int64)

    def decode(self, tokens: Tensor) -> str:
        """The text of tokens [length]; padding is left out, and bytes that are no UTF-8 become U+FFFD."""
        return self._tokenizer.decode([t for t in tokens.tolist() if t != PADDING])


def train_subwords(texts: Iterable[str], size: int) -> SubwordVocabulary:
    """Byte-pair encoding over bytes (Sennrich, Haddow & Birch 2016; Radford et al. 2019), ``size`` tokens with padding, learnt from the texts.

    Every byte is a token, so that any text can be encoded, and decoding gives it back. The same texts give the same vocabulary. There may be fewer
    tokens than ``size`` where the texts have no more pairs to merge. Needs the package ``tokenizers``.
    Raises InputError when it is not installed, for a size below 257, and for texts without a character.
    """
    whole("size", size, BYTES + 1)
    texts = [text for text in texts if text]
    if not texts:
        raise InputError("texts must hold at least one character, but they are empty.")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # its threads do not survive a fork
    package = needed("tokenizers")
    trainer = package.trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<padding>"], initial_alphabet=sorted(package.pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer = package.Tokenizer(package.models.BPE())
    tokenizer.pre_tokenizer = package.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = package.decoders.ByteLevel()
    tokenizer.train_from_iterator(texts, trainer)
    return SubwordVocabulary(tokenizer.to_str())
