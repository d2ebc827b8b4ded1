"""Strings out of frames: held against the enumeration of all paths, and planted faults that the checks find."""

import itertools
import math

import pytest
import torch
from mutation import gone_red, with_fault

from distill_helpers import transcripts
from distill_helpers.checks import InputError

MODULE = "distill_helpers.transcripts"


def logits(seed, count=3, frames=4, classes=3, scale=1.5):
    return scale * torch.randn(count, frames, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.double)


def collapsed(path, blank):
    return tuple(label for label, _ in itertools.groupby(path) if label != blank)


def all_strings(rows):
    """{string: probability} of frames [T, C], by all C^T paths."""
    p, found = rows.softmax(-1), {}
    for path in itertools.product(range(p.shape[1]), repeat=len(p)):
        string = collapsed(path, p.shape[1] - 1)
        found[string] = found.get(string, 0.0) + math.prod(p[t, k].item() for t, k in enumerate(path))
    return found


def greedy_is_the_collapsed_best_path(m):
    for seed in range(5):
        x = logits(seed, 4, 7, 4)
        frames = torch.tensor([7, 4, 1, 6])
        found = m.unpadded(m.greedy(x, frames))
        for row, count, string in zip(x, frames.tolist(), found, strict=True):
            assert tuple(string) == collapsed(row[:count].argmax(-1).tolist(), 3)


def a_label_twice_needs_a_blank_between(m):
    path = torch.tensor([[0, 0, 2, 0, 1, 1, 2], [2, 1, 1, 1, 1, 1, 1]])
    x = torch.nn.functional.one_hot(path, 3).double()
    assert m.unpadded(m.greedy(x)) == [[0, 0, 1], [1]]
    assert m.unpadded(m.prefix_beam(20 * x, 4)[0]) == [[0, 0, 1], [1]]


def a_wide_beam_finds_the_most_probable_string_and_its_probability(m):
    for seed in range(6):
        x, frames = logits(seed, 2, 4, 3, 0.7), torch.tensor([4, 3])
        strings, scores = m.prefix_beam(x, 200, frames)
        for row, count, string, score in zip(x, frames.tolist(), m.unpadded(strings), scores.tolist(), strict=True):
            every = all_strings(row[:count])
            assert sum(every.values()) == pytest.approx(1)
            assert every[tuple(string)] == pytest.approx(max(every.values())) == pytest.approx(math.exp(score))


def the_share_says_how_many_frames_are_sound(m):
    like = torch.zeros(4, 7, 3)
    assert m.frames_of(None, like).tolist() == [7] * 4
    assert m.frames_of(torch.tensor([1.0, 3 / 7, 3.2 / 7, 0.0]), like).tolist() == [7, 3, 4, 1]
    for most in (5, 113, 226, 999):
        assert m.frames_of((torch.arange(1, most + 1) / most).float(), torch.zeros(most, most, 1)).tolist() == list(range(1, most + 1))


CHECKS = (greedy_is_the_collapsed_best_path, a_label_twice_needs_a_blank_between,
          a_wide_beam_finds_the_most_probable_string_and_its_probability, the_share_says_how_many_frames_are_sound)  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_as_it_is(check):
    check(transcripts)


FAULTS = [
    ("the blank is off by one", "blank, most = logits.shape[-1] - 1, logits.shape[1]", "blank, most = logits.shape[-1] - 2, logits.shape[1]"),
    ("the beam's blank is off by one", "blank, never = len(rows[0]) - 1, -math.inf", "blank, never = len(rows[0]) - 2, -math.inf"),
    ("lengths are ignored", "inside & (path != blank)", "(path != blank)"),
    ("the beam ignores lengths", "_beam(row[:count].tolist(), width)", "_beam(row.tolist(), width)"),
    ("probabilities are not normalised", ".double().log_softmax(-1).cpu()", ".double().cpu()"),
    ("repetitions count twice", " & (path != before)", ""),
    ("the beam joins labels across a blank", "never, after_blank + row[label])", "never, both + row[label])"),
    ("paths are not added up", "high + math.log1p(math.exp(low - high))", "high"),
    ("a share in single precision counts a frame too many", "(share * most - SLACK)", "(share * most + SLACK)"),
]


@pytest.mark.parametrize(("old", "new"), [pytest.param(*f[1:], id=f[0]) for f in FAULTS])
def test_planted_faults_are_found(old, new):
    assert gone_red(CHECKS, with_fault(MODULE, old, new), (AssertionError, RuntimeError, InputError, KeyError, IndexError))


def test_a_narrow_beam_is_never_surer_than_a_wide_one():
    for seed in range(5):
        x = logits(seed, 1, 6, 4)
        scores = [transcripts.prefix_beam(x, width)[1].item() for width in (1, 3, 500)]
        assert scores[0] <= scores[2] + 1e-12 and scores[1] <= scores[2] + 1e-12


def test_the_most_probable_path_need_not_be_the_most_probable_string():
    """Graves 2006: blank twice is the best single path, 0.36; the paths of the label together have 0.64."""
    x = torch.tensor([[[0.4, 0.6], [0.4, 0.6]]]).log()
    assert transcripts.unpadded(transcripts.greedy(x)) == [[]]
    string, score = transcripts.prefix_beam(x)
    assert transcripts.unpadded(string) == [[0]] and score.exp().item() == pytest.approx(0.64)


def test_lists_and_tensors():
    strings = [[1, 2, 1], [], [0]]
    assert transcripts.padded(strings).tolist() == [[1, 2, 1], [-1, -1, -1], [0, -1, -1]]
    assert transcripts.unpadded(transcripts.padded(strings, 5)) == strings and transcripts.padded([[]]).tolist() == [[-1]]


@pytest.mark.parametrize("bad", [torch.zeros(3, 4), torch.zeros(2, 3, 1), torch.zeros(2, 3, 4, dtype=torch.int64), [[0.0]]])
def test_logits_of_another_shape_are_named(bad):
    for call in (transcripts.greedy, transcripts.prefix_beam):
        with pytest.raises(InputError, match="logits must be floating-point"):
            call(bad)
    with pytest.raises(InputError, match="width must be at least 1"):
        transcripts.prefix_beam(torch.zeros(1, 2, 3), 0)
