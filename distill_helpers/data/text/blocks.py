"""Texts as a pool of blocks of tokens, with the next token as the target at every place."""

from collections.abc import Iterable, Mapping

import torch

from distill_helpers.checks import InputError, whole
from distill_helpers.data.tokens import IGNORED, TokenPool


def token_blocks(texts: Mapping[str, str] | Iterable[str], vocabulary, length: int, name: str = "text") -> TokenPool:
    """A ``TokenPool`` of blocks of ``length`` tokens: tokens and labels int64 [N, length], classes = vocabulary.size.

    vocabulary: a ``CharacterVocabulary``, a ``SubwordVocabulary``, or anything with ``encode``, ``size`` and ``padding``. No block holds
    parts of two texts. Each token of a text but its first is the label of one place in one block. A text's last block is filled up with
    ``vocabulary.padding``, and its labels there are ``ignore_index`` (-100). A text of one token or none has nothing to predict and gives
    no block.
    Raises InputError for a length below 1, texts that are no strings, and texts without anything to predict.
    """
    whole("length", length)
    if isinstance(texts, str):
        raise InputError("texts must be several, {name: text} or a list, but one string was given; put it into a list.")
    inputs, labels = [], []
    for text in texts.values() if isinstance(texts, Mapping) else texts:
        if not isinstance(text, str):
            raise InputError(f"texts must be strings, but {type(text).__name__} was given.")
        tokens = vocabulary.encode(text)
        count = -(-max(len(tokens) - 1, 0) // length)
        for rows, part, filling in ((inputs, tokens[:-1], vocabulary.padding), (labels, tokens[1:], IGNORED)):
            filled = torch.full((count * length,), filling, dtype=torch.int64)
            filled[: len(part)] = part
            rows.append(filled.view(count, length))
    blocks = [torch.cat(rows) if rows else torch.empty(0, length) for rows in (inputs, labels)]
    if not len(blocks[0]):
        raise InputError("texts must hold at least one of two tokens or more, but they do not.")
    return TokenPool(*blocks, vocabulary.size, name)
