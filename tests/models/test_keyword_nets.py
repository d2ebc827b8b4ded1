"""Nets for spoken words: counted by closed forms, of the sizes that are said, each frame by itself, and trained in a comparison."""

import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.comparison import compare
from distill_helpers.data import ArrayPool
from distill_helpers.measure import string_scores
from distill_helpers.models.keyword_nets import (
    STUDENTS,
    BroadcastNet,
    SeparableConv,
    broadcast_parameters,
    keyword_student,
    keyword_teacher,
    separable_parameters,
)
from distill_helpers.models.outputs import outputs_of
from distill_helpers.models.string_nets import StringNet, string_parameters, string_student, string_teacher
from distill_helpers.strategies import CtcFrames, CtcLoss, CtcPseudoLabels, HardLabels, SoftTargets
from distill_helpers.training import Recipe

pytestmark = pytest.mark.usefixtures("no_cache")
FIVE = Recipe(steps=5, batch_size=6, lr=1e-2, check_every=5)


def count(module):
    return sum(p.numel() for p in module.parameters())


def test_parameters_are_those_of_the_closed_forms():
    for widths, classes in (((8, 12, 24), 10), ((5,), 3), ((16, 32, 48, 64), 12)):
        assert count(SeparableConv(widths, classes)) == separable_parameters(widths, classes)
    for settings in ((10,), (7, 4, (1, 1, 1, 1)), (3, 6, (2, 1, 3, 1))):
        assert count(BroadcastNet(*settings)) == broadcast_parameters(*settings)
    for settings in ((32, 10, 8, (64,) * 4), (9, 4, 2, (6, 8, 8)), (1, 1, 1, (1,))):
        assert count(StringNet(*settings)) == string_parameters(*settings)


def test_teachers_have_about_a_hundred_thousand_and_students_from_one_to_fifteen():
    assert count(keyword_teacher()) == 96_766 and count(string_teacher()) == 103_963 and count(string_student()) == 8_089
    sizes = {kind: count(keyword_student(kind)) for kind in STUDENTS}
    assert sizes == {"separable, smallest": 1078, "convolutional, small": 2094, "broadcast, small": 1314, "separable": 7546, "broadcast": 7194,
                     "convolutional": 13_858}  # fmt: skip
    with pytest.raises(InputError, match="kind must be one of 'separable, smallest'"):
        keyword_student("recurrent")


def test_features_are_where_they_are_said_to_be():
    x = torch.randn(2, 1, 32, 63)
    shapes = lambda net: {name: tuple(t.shape) for name, t in outputs_of(net, x).features.items()}
    assert shapes(SeparableConv((4, 6), 10)) == {"stage1": (2, 4, 16, 32), "stage2": (2, 6, 8, 16), "embedding": (2, 6)}
    assert shapes(BroadcastNet(10, 4)) == {"stage1": (2, 4, 16, 63), "stage2": (2, 6, 8, 63), "stage3": (2, 8, 4, 63), "stage4": (2, 10, 4, 63),
                                           "embedding": (2, 16)}  # fmt: skip
    assert shapes(StringNet(32, 10, 2, (6, 6))) == {"stage1": (2, 6, 32), "stage2": (2, 6, 32), "embedding": (2, 32, 6)}


def test_a_word_of_time_reaches_all_bands():
    """What a broadcast block adds is the same in every band."""
    block = BroadcastNet(3, 4).stages[0][1]
    x = torch.randn(1, 4, 6, 9)
    added = block.frames(block.bands(x).mean(2, keepdim=True))
    assert added.shape == (1, 4, 1, 9)
    torch.testing.assert_close(block(x), (x + block.bands(x) + added).relu())


def test_padding_has_no_say_in_frames_that_are_sound():
    net, x = StringNet(8, 3, 2, (6, 6, 6)).eval(), torch.randn(1, 1, 8, 80)
    longer = torch.cat([x, torch.randn(1, 1, 8, 40)], 3)
    wide = 1 + 2 + 4  # answers hear two steps of each distance on either side, and one frame more at the stem
    torch.testing.assert_close(net(longer)[:, : 40 - 2 * wide - 1], net(x)[:, : 40 - 2 * wide - 1])
    assert not torch.allclose(net(longer)[:, 39], net(x)[:, 39])


@pytest.mark.parametrize("kind", STUDENTS)
def test_students_are_trained_by_a_comparison_in_one_stack(kind):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(12) % 3
    x = torch.randn(12, 1, 8, 10, generator=generator) + labels.view(-1, 1, 1, 1)
    pool = ArrayPool(x, labels, 3, "words")
    found = compare(lambda: keyword_student(kind, 3), keyword_teacher(3), pool, {"labels": HardLabels(), "soft": SoftTargets()}, test=pool,
                    replicates=2, recipe=FIVE, progress=False, device="cpu")  # fmt: skip
    assert found.scores["accuracy"].isfinite().all() and not found.runs[0].why_alone and not found.diverged.any()


def test_string_nets_are_trained_by_a_comparison_in_one_stack():
    generator = torch.Generator().manual_seed(0)
    targets, share = torch.tensor([[0, 1, -1], [1, -1, -1], [2, 2, 0], [0, 2, -1]] * 3), torch.tensor([1.0, 0.6, 0.9, 0.8] * 3)
    pool = ArrayPool(torch.randn(12, 1, 8, 24, generator=generator), {"targets": targets, "share": share}, None, "strings")
    arms = {"ctc": CtcLoss(), "frames": CtcFrames(), "strings": CtcPseudoLabels(0.0)}
    found = compare(lambda: StringNet(8, 3, 2, (6, 6)), StringNet(8, 3, 4, (8, 8)), pool, arms, test=pool, replicates=2, recipe=FIVE,
                    measures=string_scores, progress=False, device="cpu")  # fmt: skip
    assert set(found.scores) == {"word error rate", "strings right"} and found.scores["word error rate"].isfinite().all()
    assert not any(run.why_alone for run in found.runs) and not found.diverged.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SeparableConv((), 10), "widths must name at least one stage"),
        (lambda: SeparableConv((4, 0), 10), r"widths\[1\] must be at least 1"),
        (lambda: BroadcastNet(10, 5), "width must be even"),
        (lambda: BroadcastNet(10, 8, (1, 1)), "blocks four numbers"),
        (lambda: BroadcastNet(0), "classes must be at least 1"),
        (lambda: StringNet(8, 3, 2, ()), "widths must name at least one stage"),
        (lambda: keyword_student()(torch.zeros(2, 32, 63)), r"spectrograms \[B, 1, mels, frames\]"),
        (lambda: BroadcastNet(3)(torch.zeros(2, 3, 32, 63)), r"spectrograms \[B, 1, mels, frames\]"),
        (lambda: StringNet(8, 3, 2, (4,))(torch.zeros(2, 1, 9, 63)), "x must have 8 bands"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
