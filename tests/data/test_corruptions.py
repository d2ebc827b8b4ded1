"""Corrupted images: each kind by hand, determinism, severity, and planted faults."""


import pytest
import torch
from mutation import gone_red, with_fault

from distill_helpers.checks import InputError
from distill_helpers.data import corruptions, load_digits

NAME = "distill_helpers.data.corruptions"


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def noise_by_hand(m):
    x = torch.full((50, 1, 28, 28), 0.5)
    added = m.noise(x, 0.1, seeded()) - x
    assert abs(added.mean()) < 0.003 and abs(added.std() - 0.1) < 0.003
    assert abs((added.abs() < 0.1).float().mean() - 0.683) < 0.01
    assert not torch.equal(added[0], added[1])


def blur_by_hand(m):
    x = torch.zeros(2, 1, 15, 15)
    x[0, 0, 7, 7] = 1.0
    found = m.blur(x, 1.0)
    weights = torch.exp(-torch.tensor([9, 4, 1, 0, 1, 4, 9]) / 2)
    weights = weights / weights.sum()
    assert torch.allclose(found[0, 0, 4:11, 4:11], weights[:, None] * weights, atol=1e-6)
    assert found[0].sum() == pytest.approx(1, abs=1e-5) and found[1].abs().max() == 0
    assert m.blur(torch.ones(1, 1, 15, 15), 1.0)[0, 0, 7, 7] == pytest.approx(1, abs=1e-5)
    spread = m.blur(x, 2.0)[0, 0].sum(0)
    places = torch.arange(15) - 7.0
    assert (spread * places**2).sum() == pytest.approx(4, abs=0.2)


def shift_by_hand(m):
    x = torch.zeros(800, 1, 9, 9)
    x[:, 0, 4, 4] = 1.0
    found = m.shift(x, 2, seeded())
    rows, columns = found[:, 0].flatten(1).argmax(1) // 9 - 4, found[:, 0].flatten(1).argmax(1) % 9 - 4
    moves = torch.stack([rows, columns], 1)
    assert torch.equal(found.flatten(1).sum(1), torch.ones(800))
    wanted = {(a, b) for a in (-2, 0, 2) for b in (-2, 0, 2)} - {(0, 0)}
    counts = {move: int((moves == torch.tensor(move)).all(1).sum()) for move in wanted}
    assert sum(counts.values()) == 800 and all(60 < count < 140 for count in counts.values())
    full = m.shift(torch.ones(8, 1, 9, 9), 2, seeded())
    assert all(value.item() in (7 * 9, 7 * 7) for value in full.flatten(1).sum(1))
    two = torch.rand(30, 2, 9, 9, generator=seeded(1))
    moved = m.shift(two, 1, seeded())
    assert torch.equal(moved[:, :1], m.shift(two[:, :1], 1, seeded())) and torch.equal(moved[:, 1:], m.shift(two[:, 1:], 1, seeded()))


def contrast_by_hand(m):
    x = torch.tensor([[0.0, 1.0], [0.2, 0.8], [1.0, 0.6]]).view(3, 1, 1, 2)
    wanted = torch.tensor([[0.4, 0.6], [0.44, 0.56], [0.84, 0.76]]).view(3, 1, 1, 2)
    assert torch.allclose(m.contrast(x, 0.2), wanted)


def occlusion_by_hand(m):
    x = torch.ones(600, 2, 8, 8)
    found = m.occlusion(x, 3, seeded())
    hidden = found == 0
    assert torch.equal(hidden.flatten(2).sum(2), torch.full((600, 2), 9)) and torch.equal(hidden[:, 0], hidden[:, 1])
    rows, columns = hidden[:, 0].any(2).float(), hidden[:, 0].any(1).float()
    assert set(rows.argmax(1).tolist()) == set(columns.argmax(1).tolist()) == set(range(6))
    assert (rows.sum(1) == 3).all() and (columns.sum(1) == 3).all()
    assert not torch.equal(rows, columns)


def the_interface(m):
    digits = torch.randint(0, 256, (12, 1, 28, 28), generator=seeded()).to(torch.uint8)
    found = m.all_corruptions(digits, 1)
    assert len(found) == 15 and all(v.dtype == torch.uint8 and v.shape == digits.shape for v in found.values())
    x = digits.float() / 255
    for (kind, severity), images in found.items():
        torch.manual_seed(99)
        again = m.corrupted(x, kind, severity, 1)
        assert torch.equal((255 * again).round().to(torch.uint8), images), kind
        assert again.min() >= 0 and again.max() <= 1
        other = m.corrupted(digits, kind, severity, 2)
        assert torch.equal(other, images) == (kind in ("blur", "contrast")), kind
        assert (images != digits).any()
    assert torch.equal(x, digits.float() / 255)
    change = [[(found[kind, s].float() / 255 - x).square().mean() for s in (1, 2, 3)] for kind in m.KINDS if kind != "shift"]
    assert all(a < b < c for a, b, c in change)
    assert not torch.equal(found["occlusion", 1] == digits, found["shift", 1] == digits)


CHECKS = [noise_by_hand, blur_by_hand, shift_by_hand, contrast_by_hand, occlusion_by_hand, the_interface]
FAULTS = {
    "even noise": ("torch.randn(x.shape, generator=generator)", "torch.rand(x.shape, generator=generator)"),
    "variance for deviation": ("x + deviation *", "x + deviation**2 *"),
    "noise of the global generator": ("torch.randn(x.shape, generator=generator)", "torch.randn(x.shape)"),
    "kernel not divided by its sum": ("kernel = kernel / kernel.sum()", "pass"),
    "kernel too narrow": ("(2 * deviation**2)", "(deviation**2)"),
    "blurred in one direction": ("F.conv2d(down, kernel.view(1, 1, 1, -1), padding=(0, reach))", "down"),
    "only sideways": ("[(a, b) for a", "[(0, b) for a"),
    "the digit stays at times": (" if (a, b) != (0, 0)", ""),
    "all images moved alike": ("torch.randint(8, (len(x),), generator=generator)", "torch.randint(8, (1,), generator=generator).expand(len(x))"),
    "contrast of the whole batch": ("x.mean((1, 2, 3), keepdim=True)", "x.mean()"),
    "contrast around zero": ("mean + kept * (x - mean)", "kept * x"),
    "square on the border": ("torch.randint(height - side + 1, ", "torch.randint(height, "),
    "one place for rows and columns": ("left = torch.randint(width - side + 1, (len(x), 1), generator=generator)", "left = top"),
    "side too long": ("rows < top + side", "rows <= top + side"),
    "what is shown is hidden": ("x * ~hidden", "x * hidden"),
    "not cut": (".clamp(0, 1)", ""),
    "cut down, not rounded": ("(255 * spoilt).round()", "(255 * spoilt)"),
    "seed forgotten": ("1000 * seed + ", ""),
    "severity upside down": ("amounts[severity - 1]", "amounts[-severity]"),
}  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_check(check):
    check(corruptions)


@pytest.mark.parametrize(("old", "new"), FAULTS.values(), ids=FAULTS)
def test_each_planted_fault_turns_a_check_red(old, new):
    assert gone_red(CHECKS, with_fault(NAME, old, new), (AssertionError, RuntimeError))


def test_real_digits_stay_digits():
    images = load_digits().test.images[:20]
    for (kind, _), spoilt in corruptions.all_corruptions(images).items():
        assert spoilt.float().std() > 5, kind


def test_bad_input_is_named():
    x = torch.rand(2, 1, 28, 28)
    for arguments, words in (
        ((x, "rain", 1), "kind must be one of 'noise'.*rain"),
        ((x, "noise", 0), "severity must be one of 1, 2, 3.*0"),
        ((x, "noise", 1, -1), "seed must be at least 0"),
        ((x[0], "noise", 1), r"images must be \[N, C, H, W\].*\[1, 28, 28\]"),
        (("x", "noise", 1), "images must be.*str"),
        ((x[:0], "noise", 1), "images.*empty"),
        ((x * 2, "noise", 1), r"images must lie in \[0, 1\]"),
        ((x / 0 * 0, "noise", 1), "images must be finite"),
        ((x.long(), "noise", 1), "images must be uint8.*int64"),
    ):
        with pytest.raises(InputError, match=words):
            corruptions.corrupted(*arguments)
