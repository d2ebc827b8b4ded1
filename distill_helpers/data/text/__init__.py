"""Text for language models: what is bundled, files of your own, vocabularies, and blocks of tokens as pools."""

from distill_helpers.data.text.blocks import token_blocks
from distill_helpers.data.text.characters import CharacterVocabulary
from distill_helpers.data.text.files import cut_text, read_text
from distill_helpers.data.text.parts import TextParts
from distill_helpers.data.text.pydoc import PydocText, pydoc_text, pydoc_topics
from distill_helpers.data.text.subwords import SubwordVocabulary, train_subwords

__all__ = ["CharacterVocabulary", "PydocText", "SubwordVocabulary", "TextParts", "cut_text", "pydoc_text", "pydoc_topics", "read_text",
           "token_blocks", "train_subwords"]  # fmt: skip
