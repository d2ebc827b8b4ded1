"""Residual nets for small images: sizes as published, features, stacking with the norm that allows it."""

import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.data import ArrayPool
from distill_helpers.models.resnet import SmallResNet
from distill_helpers.strategies import AttentionTransfer, SoftTargets
from distill_helpers.training import Recipe, distill

SHORT = Recipe(steps=6, batch_size=8, lr=1e-2)


def count(net):
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize(("depth", "blocks"), [(20, 3), (56, 9), (8, 1)])
def test_the_sizes_follow_from_the_depth(depth, blocks):
    """Counted by hand: convolutions 9·a·b, a scale and a shift for each channel of each norm, the shortcuts' 1x1 convolutions, the head."""
    total, before = 3 * 16 * 9 + 2 * 16, 16
    for width in (16, 32, 64):
        total += 9 * before * width + 9 * width * width + 4 * width + (blocks - 1) * (18 * width * width + 4 * width)
        total += before * width + 2 * width if before != width else 0
        before = width
    assert count(SmallResNet(depth, 100)) == total + 64 * 100 + 100
    assert count(SmallResNet(depth, 100, norm="group")) == count(SmallResNet(depth, 100))


def test_the_published_pair():
    assert [count(SmallResNet(depth, 100)) for depth in (20, 56)] == [278_324, 861_620]  # 0.28 and 0.86 million in the papers


@pytest.mark.parametrize("norm", ["batch", "group"])
def test_features_lie_on_their_grids(norm):
    net = SmallResNet(14, 10, norm=norm).eval()
    out = net(torch.randn(4, 3, 32, 32), features=True)
    assert [tuple(out.features[f"stage{k}"].shape) for k in (1, 2, 3)] == [(4, 16, 32, 32), (4, 32, 16, 16), (4, 64, 8, 8)]
    assert torch.equal(out.features["stage2_pre"].relu(), out.features["stage2"])
    assert torch.equal(out.logits, net.head(out.features["stage3"].mean((-2, -1)))) and out.features["embedding"].shape == (4, 64)


def test_a_block_is_the_sum_of_its_two_ways():
    block = SmallResNet(8, 10, norm="group").stages[1][0]
    h = torch.randn(2, 16, 8, 8)
    way = block.norm2(block.conv2(torch.relu(block.norm1(block.conv1(h)))))
    assert torch.equal(block(h), way + block.shortcut(h)) and (block(h) < 0).any()
    torch.nn.init.zeros_(block.norm2.weight)
    torch.nn.init.zeros_(block.norm2.bias)
    assert torch.equal(block(h), block.shortcut(h))


def test_the_norm_decides_whether_students_stack():
    x, y = torch.rand(24, 3, 8, 8), torch.arange(24) % 3
    pool, teacher = ArrayPool(x, y, classes=3, name="toy"), SmallResNet(8, 3, widths=(8, 8, 8), norm="group")
    together, alone = (distill(lambda n=norm: SmallResNet(8, 3, widths=(4, 4, 4), norm=n), teacher, pool, SoftTargets(), seeds=(0, 1), recipe=SHORT)
                       for norm in ("group", "batch"))  # fmt: skip
    assert not together.parts and len(alone.parts) == 2 and "buffers" in alone.why_alone
    maps = distill(lambda: SmallResNet(8, 3, widths=(4, 4, 4), norm="group"), teacher, pool, AttentionTransfer(), seeds=(0, 1), recipe=SHORT)
    assert maps.step == 6


@pytest.mark.parametrize(("make", "says"), [
    (lambda: SmallResNet(21, 10), "6n \\+ 2"), (lambda: SmallResNet(2, 10), "6n \\+ 2"),
    (lambda: SmallResNet(8, 10, widths=(4, 4)), "must be three"),
    (lambda: SmallResNet(8, 10, norm="layer"), "norm must be one of"), (lambda: SmallResNet(8, 0), "classes"),
    (lambda: SmallResNet(8, 10)(torch.zeros(2, 1, 8, 8)), "must be of shape"),
])  # fmt: skip
def test_bad_arguments_are_named(make, says):
    with pytest.raises(InputError, match=says):
        make()
