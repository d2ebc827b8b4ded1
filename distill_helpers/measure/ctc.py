"""Strings read by CTC and held against what was said: decoding, and the word error rate."""

from typing import NamedTuple

import torch
from torch import Tensor

from distill_helpers.checks import InputError, whole
from distill_helpers.transcripts import frames_of, greedy, prefix_beam, unpadded

__all__ = ["Edits", "edits", "error_rate", "greedy", "prefix_beam", "string_scores"]


class Edits(NamedTuple):
    """How many words of what was said were read as others, passed over, and read where none was; and how many were said."""

    substitutions: int
    deletions: int
    insertions: int
    words: int

    @property
    def errors(self) -> int:
        """The edit distance."""
        return self.substitutions + self.deletions + self.insertions


def edits(said, read) -> Edits:
    """The fewest edits that turn the words ``said`` into the words ``read``, two sequences of anything that can be compared.

    Levenshtein 1966, by dynamic programming. Among equally few edits those with fewest substitutions are counted, so that the parts are one
    answer and not a choice: substitutions, deletions and insertions then follow from the distance and the two lengths.
    """
    said, read = list(said), list(read)
    # (errors, substitutions, deletions, insertions) for what is said so far against each beginning of what is read
    row = [(k, 0, 0, k) for k in range(len(read) + 1)]
    for number, word in enumerate(said, 1):
        above, row = row, [(number, 0, number, 0)]
        for place, other in enumerate(read, 1):
            e, s, d, i = above[place - 1]
            swap = (e, s, d, i) if word == other else (e + 1, s + 1, d, i)
            e, s, d, i = above[place]
            lost = (e + 1, s, d + 1, i)
            e, s, d, i = row[place - 1]
            row.append(min(swap, lost, (e + 1, s, d, i + 1)))
    return Edits(*row[-1][1:], len(said))


def error_rate(said: list, read: list) -> float:
    """The word error rate of several strings: all edits over all words said. It can exceed 1, where more is read than was said.

    The errors of all strings are added before they are divided; the mean of each string's rate is another number, in which a word of a short
    string counts for more. Raises InputError for differing numbers of strings, and where no word was said.
    """
    if len(said) != len(read):
        raise InputError(f"said and read must be equally many strings, but {len(said)} and {len(read)} were given.")
    counted = [edits(a, b) for a, b in zip(said, read, strict=True)]
    words = sum(each.words for each in counted)
    if not words:
        raise InputError("said must hold at least one word, but all its strings are empty.")
    return sum(each.errors for each in counted) / words


def string_scores(logits: Tensor, labels: dict, beam: int = 1) -> dict[str, Tensor]:
    """{"word error rate": float64 [students], "strings right": float64 [students]} of logits [students, N, T, C], for ``compare(measures=...)``.

    labels: {"targets": int64 [N, L], padded with -1, "share": float [N] (see ``sound_views``)}. beam: the width of the prefix beam; 1 takes the
    most probable path. Raises InputError for labels of another kind, and where no word was said.
    """
    whole("beam", beam)
    if not isinstance(labels, dict) or "targets" not in labels:
        given = type(labels).__name__
        raise InputError(f"labels must be a dict with 'targets' [N, L], and 'share' [N] where there is padding, but {given} was given.")
    said, rates, right = unpadded(labels["targets"]), [], []
    for answers in logits:
        share = labels.get("share")
        frames = frames_of(None if share is None else share.to(answers.device), answers)
        found = greedy(answers, frames) if beam == 1 else prefix_beam(answers, beam, frames)[0]
        read = unpadded(found)
        rates.append(error_rate(said, read))
        right.append(sum(a == b for a, b in zip(said, read, strict=True)) / len(said))
    return {"word error rate": torch.tensor(rates, dtype=torch.float64), "strings right": torch.tensor(right, dtype=torch.float64)}
