"""Bits for each character."""

import math

import pytest
import torch
from mutation import Checks

from distill_helpers.checks import InputError
from distill_helpers.measure.bits import bits_per_character

of = Checks("distill_helpers.measure")
LOGITS = torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]]]).log()
LABELS = torch.tensor([[1, 0, -100]])


@of("bits")
def by_hand(module):
    bits = -math.log2(0.25) - math.log2(0.1)
    assert module.bits_per_character(LOGITS, LABELS) == pytest.approx(bits / 2, rel=1e-6)
    assert module.bits_per_character(LOGITS, LABELS, 7) == pytest.approx(bits / 7, rel=1e-6)  # two parts of words, seven characters
    assert module.bits_per_character(LOGITS + 3, LABELS) == pytest.approx(bits / 2, rel=1e-6)
    assert module.bits_per_character(torch.zeros(5, 4, 8), torch.zeros(5, 4, dtype=torch.long)) == pytest.approx(3)


def test_it_is_as_it_should_be():
    by_hand(of.original("bits"))


FAULTS = [
    ("bits", "nats", " / math.log(2)", ""),
    ("bits", "what says nothing counted", "logs[says].sum()", "logs.sum()"),
    ("bits", "over tokens always", "(characters or count)", "count"),
    ("bits", "over all places", "count = int(says.sum())", "count = says.numel()"),
]


@of.planted(FAULTS)
def test_a_planted_fault_is_found(name, old, new):
    assert of.gone_red(name, old, new)


def test_bad_input_is_named():
    with pytest.raises(InputError, match=r"but \[1, 2\] for \[1, 3, 3\] was given"):
        bits_per_character(LOGITS, LABELS[:, :2])
    with pytest.raises(InputError, match="at least one that says something"):
        bits_per_character(LOGITS, LABELS * 0 - 100)
    with pytest.raises(InputError, match="characters must be at least 1"):
        bits_per_character(LOGITS, LABELS, 0)
