"""Strings of labels out of frames, as CTC reads them: each frame gives a label or the blank, repetitions count once, blanks fall out.

Graves, Fernández, Gomez & Schmidhuber, "Connectionist Temporal Classification", ICML 2006. The blank is the last class, so that labels keep their
numbers: of C classes, 0 to C - 2 are labels. Strings lie in int64 [B, L] with -1 behind their last label.
"""

import math

import torch
from torch import Tensor

from distill_helpers.checks import InputError, whole

NOTHING = -1  # stands behind the last label of a string
SLACK = 1e-3  # of a frame: how far a share in single precision may be from a whole number of frames


def frames_of(share: Tensor | None, like: Tensor) -> Tensor:
    """int64 [B]: how many of the T frames of ``like`` [B, T, C] are sound. share: float [B], from 0 to 1; None for all.

    The share that ends within a frame counts that frame, and one frame at least is sound.
    """
    count, most = like.shape[:2]
    if share is None:
        return torch.full((count,), most, device=like.device)
    return (share * most - SLACK).ceil().clamp(1, most).long()


def padded(strings, width: int | None = None) -> Tensor:
    """int64 [B, L] of lists of labels, with -1 behind each; L is ``width``, or the longest one's length, and 1 at least."""
    width = max([1, *map(len, strings)]) if width is None else width
    return torch.tensor([[*string, *[NOTHING] * (width - len(string))] for string in strings], dtype=torch.int64).view(len(strings), width)


def unpadded(strings: Tensor) -> list[list[int]]:
    """The lists of labels in int64 [B, L]."""
    return [[label for label in row if label != NOTHING] for row in strings.tolist()]


def greedy(logits: Tensor, frames: Tensor | None = None) -> Tensor:
    """int64 [B, T]: the string of each sequence's most probable path, padded with -1. logits: [B, T, C]. frames: int64 [B], all T by default.

    "Best path decoding" (Graves et al. 2006, section 3.2): a string's probability is the sum over all its paths, so this need not be the most
    probable string. Raises InputError for logits of another shape.
    """
    _check(logits)
    blank, most = logits.shape[-1] - 1, logits.shape[1]
    path = logits.argmax(-1)
    place = torch.arange(most, device=logits.device)
    inside = torch.ones_like(path, dtype=torch.bool) if frames is None else place < frames.unsqueeze(1)
    before = torch.cat([torch.full_like(path[:, :1], blank), path[:, :-1]], 1)
    kept = inside & (path != blank) & (path != before)
    # those that are kept come first, in their order
    order = torch.where(kept, place, place + most).argsort(1)
    return torch.where(kept, path, NOTHING).gather(1, order)


def prefix_beam(logits: Tensor, width: int = 8, frames: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(int64 [B, L], float64 [B]): the most probable string that a beam of ``width`` prefixes finds, and the logarithm of its probability by those
    paths that stayed in the beam: never above the string's own, and equal to it for a beam wide enough.

    Hannun, Maas, Jurafsky & Ng, "First-Pass Large Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", arXiv 1408.2873
    (2014), algorithm 1, without a language model; in double precision. Raises InputError for a width below 1 and logits of another shape.
    """
    _check(logits)
    whole("width", width)
    frames = frames_of(None, logits) if frames is None else frames
    rows = logits.detach().double().log_softmax(-1).cpu()
    found = [_beam(row[:count].tolist(), width) for row, count in zip(rows, frames.tolist(), strict=True)]
    scores = torch.tensor([score for _, score in found], dtype=torch.float64)
    return padded([string for string, _ in found]).to(logits.device), scores.to(logits.device)


def _beam(rows: list[list[float]], width: int) -> tuple[tuple[int, ...], float]:
    """Each prefix has two log-probabilities: of its paths that end in a blank, and of those that end in its last label."""
    blank, never = len(rows[0]) - 1, -math.inf
    beam = {(): (0.0, never)}
    for row in rows:
        longer: dict[tuple[int, ...], tuple[float, float]] = {}

        def add(prefix, ends_blank, ends_label, into=longer):
            known = into.get(prefix, (never, never))
            into[prefix] = (_sum(known[0], ends_blank), _sum(known[1], ends_label))

        for prefix, (after_blank, after_label) in beam.items():
            both = _sum(after_blank, after_label)
            add(prefix, both + row[blank], never)
            for label in range(blank):
                if prefix and label == prefix[-1]:
                    add(prefix, never, after_label + row[label])  # the same label goes on
                    add((*prefix, label), never, after_blank + row[label])  # after a blank it is another one
                else:
                    add((*prefix, label), never, both + row[label])
        beam = dict(sorted(longer.items(), key=lambda item: -_sum(*item[1]))[:width])
    best = max(beam, key=lambda prefix: _sum(*beam[prefix]))
    return best, _sum(*beam[best])


def _sum(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))


def _check(logits) -> None:
    if not isinstance(logits, Tensor) or logits.dim() != 3 or not logits.is_floating_point() or logits.shape[-1] < 2:
        given = f"{logits.dtype} {list(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
        raise InputError(f"logits must be floating-point [B, T, C] with two classes or more, the last of them the blank, but {given} was given.")
