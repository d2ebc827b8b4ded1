"""Pools: what every kind answers alike, how labels are checked, augmentations, arrays, tokens, and torch data sets."""

import random

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, TensorDataset, WeightedRandomSampler

from distill_helpers.checks import InputError
from distill_helpers.data import (
    ArrayPool,
    ImageSet,
    Stream,
    TokenPool,
    ViewPool,
    augment,
    devices,
    from_dataset,
    make_views,
    next_tokens,
    same_device,
    write_shards,
)
from distill_helpers.data import pool as pool_module

N, CLASSES = 6, 3
LABELS = torch.tensor([0, 1, 2, 0, 1, 0])


def drawn(*shape, seed=0):
    return torch.randint(1, 256, shape, generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def images(channels=3, size=6, seed=0):
    return ImageSet(drawn(N, channels, size, size, seed=seed), LABELS, CLASSES, "made")


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards") / "made"
    write_shards(folder, zip(drawn(N, 3, 6, 6), LABELS, strict=True), per_shard=4)
    return folder


KINDS = {
    "views": lambda folder: make_views(images(), 3, 1),
    "lazy views": lambda folder: make_views(images(), 3, 1, flip=True, lazy=True),
    "arrays": lambda folder: ArrayPool(normal(2, N, 4), LABELS, CLASSES, has_views=True),
    "tokens": lambda folder: TokenPool(torch.arange(N * 5).view(N, 5) % 7, torch.arange(N * 5).view(N, 5) % 3, 7),
    "stream": lambda folder: Stream(folder, classes=CLASSES),
    "rows of a stream": lambda folder: Stream(folder, classes=CLASSES).subset([5, 4, 3, 2, 1, 0]),
}


def everything(pool):
    """All views of all examples, [V, N, ...]."""
    view, index = torch.meshgrid(torch.arange(pool.views), torch.arange(len(pool)), indexing="ij")
    return pool.inputs(view, index)


@pytest.mark.parametrize("kind", KINDS)
def test_every_pool_answers_alike(kind, shards):
    pool = KINDS[kind](shards)
    seen = everything(pool)
    assert seen.shape == (pool.views, N, *pool.input_shape) and len(pool) == N
    assert seen.dtype == (torch.int64 if kind == "tokens" else torch.float32)
    chosen = pool.subset([4, 4, 0])
    assert len(chosen) == 3 and chosen.views == pool.views
    assert torch.equal(everything(chosen), seen[:, [4, 4, 0]]) and torch.equal(chosen.labels, pool.labels[[4, 4, 0]])
    again = chosen.subset(torch.tensor([2]))
    assert torch.equal(everything(again), seen[:, [0]]) and torch.equal(again.labels, pool.labels[[0]])
    assert pool.to("cpu") is pool and pool.to("cpu:0") is pool
    bare = pool.without_labels()
    assert bare.labels is None and pool.labels is not None and torch.equal(everything(bare), seen) and bare.subset([1]).labels is None
    assert bare.inputs_fingerprint == pool.inputs_fingerprint != chosen.inputs_fingerprint and bare.fingerprint != pool.fingerprint
    assert KINDS[kind](shards).fingerprint == pool.fingerprint
    for view, index, words in (
        (0, [0], "view must be an int64 tensor"),
        (torch.zeros(1), torch.zeros(1).long(), "view must be an int64 tensor, but torch.float32"),
        (torch.tensor([0]), torch.tensor([N]), f"index must be from 0 to {N - 1}, but {N} to {N} were given"),
        (torch.tensor([0]), torch.tensor([-1]), "index must be from 0"),
        (torch.tensor([pool.views]), torch.tensor([0]), "view must be from 0"),
        (torch.tensor([0]), torch.tensor([0, 1]), "view and index must have one shape"),
    ):
        with pytest.raises(InputError, match=words):
            pool.inputs(view, index)
    with pytest.raises(InputError, match="indices must be from 0"):
        pool.subset([N])


def test_a_fingerprint_sees_all_that_counts_and_nothing_else():
    pixels = drawn(2, N, 1, 4, 4)
    make = lambda **given: ViewPool(**{"pixels": pixels, "labels": LABELS, "classes": CLASSES, "name": "a", **given})
    base = make().fingerprint
    assert make(name="b").fingerprint == base
    other = pixels.clone()
    other[1, 5, 0, 3, 3] ^= 1
    changed = [dict(pixels=other), dict(labels=LABELS.flip(0)), dict(labels=None), dict(classes=4), dict(class_weights=[1, 1, 2.0]),
               dict(ignore_index=-1), dict(labels={"a": LABELS}), dict(labels={"b": LABELS})]  # fmt: skip
    found = {base, *(make(**c).fingerprint for c in changed)}
    assert len(found) == 1 + len(changed)
    assert make(labels=LABELS.flip(0)).inputs_fingerprint == make().inputs_fingerprint != make(pixels=other).inputs_fingerprint


def test_a_fingerprint_is_made_once_and_notices_a_change_in_place(monkeypatch):
    calls = []
    real = pool_module.tensors_hash
    monkeypatch.setattr(pool_module, "tensors_hash", lambda *given: calls.append(1) or real(*given))
    pixels = drawn(1, N, 1, 4, 4)
    pool = ViewPool(pixels, LABELS, CLASSES, "a")
    first = pool.fingerprint
    assert len(calls) == 2 and pool.fingerprint == first and pool.without_labels().inputs_fingerprint and len(calls) == 2
    pixels[0, 0] += 1
    assert pool.fingerprint != first
    labels = {"digit": LABELS.clone()}
    held = ViewPool(pixels, labels, CLASSES, "a")
    before = held.fingerprint
    labels["digit"][0] = 2
    labels["more"] = LABELS
    assert held.fingerprint == before and held.labels.keys() == {"digit"} and held.labels["digit"][0] == 0
    held.labels["digit"][1] = 2
    assert held.fingerprint != before


def test_labels_of_the_caller_and_of_a_set_are_not_shared():
    data = images()
    pools = make_views(data, 1), make_views(data, 1, shift=0, lazy=True)
    seen = [everything(pool) for pool in pools]
    data.labels.fill_(2)
    data.images.fill_(0)
    LABELS_NOW = [pool.labels for pool in pools]
    assert all(torch.equal(now, LABELS) for now in LABELS_NOW)
    assert all(torch.equal(everything(pool), was) for pool, was in zip(pools, seen, strict=True))
    assert torch.equal(images().labels, LABELS)  # the module's own tensor was copied, not filled


# labels

GOOD_LABELS = {
    "int32": (LABELS.int(), {}, LABELS),
    "uint8": (LABELS.to(torch.uint8), {}, LABELS),
    "bool": (LABELS > 0, {}, (LABELS > 0).long()),
    "ignored": (torch.tensor([0, 1, 2, -100, 1, 0]), {"ignore_index": -100}, torch.tensor([0, 1, 2, -100, 1, 0])),
    "void of uint8 masks": (torch.tensor([0, 1, 2, 255, 1, 0]).to(torch.uint8), {"ignore_index": 255}, torch.tensor([0, 1, 2, 255, 1, 0])),
    "dense": (LABELS.view(N, 1, 1).expand(N, 4, 4), {}, LABELS.view(N, 1, 1).expand(N, 4, 4)),
    "dense ignored": (torch.full((N, 2, 2), -1).index_fill(0, torch.tensor([0]), 1), {"ignore_index": -1}, None),
    "values": (torch.linspace(0, 1, N), {"classes": None}, torch.linspace(0, 1, N)),
    "declared one-hot": (torch.eye(3)[LABELS], {"classes": None}, torch.eye(3)[LABELS]),
    "soft": (torch.full((N, 3), 1 / 3), {}, torch.full((N, 3), 1 / 3)),
}


@pytest.mark.parametrize(("labels", "given", "wanted"), GOOD_LABELS.values(), ids=GOOD_LABELS)
def test_labels_come_in_one_form(labels, given, wanted):
    given = {"classes": 3, "name": "a", **given}
    for pool in (ViewPool(drawn(1, N, 1, 4, 4), labels, **given), ArrayPool(normal(N, 2), labels, **given)):
        assert torch.equal(pool.labels, labels if wanted is None else wanted)
        assert pool.labels.dtype in (torch.int64, torch.float32)


BAD_LABELS = {
    "a column": (LABELS.view(N, 1), {}, r"\[6, 1\] was given; use labels.squeeze\(1\)"),
    "masks with a channel": (LABELS.view(N, 1, 1, 1).expand(N, 1, 4, 4), {}, r"use labels.squeeze\(1\)"),
    "one-hot": (torch.eye(3)[LABELS], {}, r"class indices \[N\].*labels.argmax\(1\)"),
    "whole one-hot": (torch.eye(3)[LABELS].long(), {}, r"labels.argmax\(1\)"),
    "-100": (torch.tensor([0, 1, 2, -100, 1, 0]), {}, r"labels from -100 to 2 were given. Declare ignore_index=-100"),
    "-100 where -1 is declared": (torch.tensor([0, 1, -1, -100, 1, 0]), {"ignore_index": -1}, "Declare ignore_index=-100"),
    "255": (torch.tensor([0, 1, 2, 255, 1, 0]), {}, "Declare ignore_index=255"),
    "all ignored": (torch.full((N,), -1), {"ignore_index": -1}, "all of them are ignore_index=-1"),
    "NaN": (torch.full((N,), float("nan")), {"classes": None}, "labels must be finite, but 6 of their 6"),
    "NaN in a tree": ({"a": LABELS, "b": torch.full((N, 2), float("nan"))}, {}, "labels must be finite"),
    "another number": (LABELS[:4], {}, "one row for each of 6"),
    "a list": (LABELS.tolist(), {}, "labels must be a tree of tensors, but it holds 0"),
    "weights of another length": (LABELS, {"class_weights": [1.0, 2.0]}, r"class_weights must be 3 numbers.*\[2\]"),
    "a negative weight": (LABELS, {"class_weights": torch.tensor([1.0, -1.0, 1.0])}, "class_weights must be finite, at least 0 and not all 0"),
    "a NaN weight": (LABELS, {"class_weights": [1.0, float("nan"), 1.0]}, "class_weights must be finite"),
    "no weight": (LABELS, {"class_weights": [0, 0, 0]}, "not all 0"),
    "words as weights": (LABELS, {"class_weights": ["a", "b", "c"]}, "class_weights must be 3 numbers"),
    "weights without classes": (LABELS, {"class_weights": [1.0], "classes": None}, "class_weights need classes"),
    "weights for values": (torch.rand(N), {"class_weights": [1.0, 1, 1]}, "class_weights are for class indices"),
    "ignore_index": (LABELS, {"ignore_index": 1.5}, "ignore_index must be a whole number or None, but 1.5"),
    "classes": (LABELS, {"classes": 3.0}, "classes must be a whole number"),
}


@pytest.mark.parametrize(("labels", "given", "words"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_labels_that_do_not_fit_are_named(labels, given, words):
    with pytest.raises(InputError, match=words):
        ViewPool(drawn(1, N, 1, 4, 4), labels, **{"classes": 3, "name": "a", **given})
    with pytest.raises(InputError, match=words):
        ArrayPool(normal(N, 2), labels, **{"classes": 3, **given})


def test_an_image_set_takes_the_same_labels_and_hands_them_on():
    marked = torch.tensor([0, 1, 2, -1, 1, 0])
    data = ImageSet(drawn(N, 1, 4, 4), marked.int(), 3, "made", class_weights=[1, 2, 3], ignore_index=-1)
    pool = make_views(data, 2).subset([0, 3])
    assert pool.labels.tolist() == [0, -1] and pool.class_weights.tolist() == [1.0, 2.0, 3.0] and pool.ignore_index == -1
    assert data.subset([3, 0]).labels.tolist() == [-1, 0]
    for labels, words in ((marked, "Declare ignore_index=-1"), (LABELS.view(N, 1), r"labels.squeeze\(1\)"), (torch.eye(3)[LABELS], r"argmax\(1\)")):
        with pytest.raises(InputError, match=words):
            ImageSet(drawn(N, 1, 4, 4), labels, 3, "made")


# devices and memory


def test_devices_are_compared_as_devices(monkeypatch):
    assert same_device("cpu", torch.device("cpu", 0)) and same_device("meta", torch.device("meta"))
    assert not same_device("cpu", "meta")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert same_device("cuda", "cuda:1") and not same_device("cuda", "cuda:0") and same_device(torch.device("cuda:1"), "cuda")
    with pytest.raises(InputError, match="device must be .*'gpu' was given"):
        same_device("gpu", "cpu")


def test_what_cannot_fit_is_refused_with_its_size_and_what_is_large_is_said(monkeypatch, capsys):
    monkeypatch.setattr(devices, "free_memory", lambda device: 2000)
    make_views(ImageSet(drawn(1, 1, 4, 4), None, 3, "one"), 2)
    assert capsys.readouterr().out == ""
    make_views(images(), 2)
    assert capsys.readouterr().out == "2 views of 6 images: 1.3 kB of memory are needed, 2.0 kB are free.\n"
    with pytest.raises(InputError, match=r"9 views of 6 images would take 5.8 kB of memory, but 2.0 kB are free; lazy=True"):
        make_views(images(), 9)
    assert make_views(images(), 9, lazy=True).views == 9
    with pytest.raises(InputError, match="4 views of 6 examples would take 2.4 kB"):
        from_dataset(list(zip(normal(N, 25), LABELS, strict=True)), views=4, classes=3)
    from_dataset(list(zip(normal(N, 10), LABELS, strict=True)), classes=3)
    assert "1 view of 6 examples: 240 B of memory are needed" in capsys.readouterr().out


def test_free_memory_is_a_number_of_bytes():
    assert 1 << 20 < devices.free_memory() < 1 << 50
    assert [devices.in_words(n) for n in (12, 3_100_000, 12_800_000_000)] == ["12 B", "3.1 MB", "12.8 GB"]


# augmentation


def test_each_kind_of_change_draws_for_itself():
    """One more kind leaves the others as they were, and the moves are those of make_views without it."""
    data = images()
    plain, both = make_views(data, 5, 2, seed=3), make_views(data, 5, 2, seed=3, flip=True)
    turned = (both.pixels != plain.pixels).flatten(2).any(2)
    assert torch.equal(torch.where(turned.view(5, N, 1, 1, 1), plain.pixels.flip(4), plain.pixels), both.pixels)
    assert not turned[0].any() and 4 < turned[1:].sum() < 20
    still = [make_views(data, 5, 0, seed, flip=True, colour=colour).pixels for seed in (3, 4) for colour in (None, 0.5)]
    assert not torch.equal(still[0], still[2]) and not torch.equal(still[1], still[3])  # flips and colours have the seed too
    coloured = make_views(data, 5, 2, seed=3, flip=True, colour=(0.5, 0, 0))
    factors = augment.draw_moves(data.images.shape, 5, 2, 3, colour=(0.5, 0, 0)).factors[..., 0]
    wanted = (both.pixels * factors.view(5, N, 1, 1, 1)).round().clamp(0, 255)
    assert torch.equal(coloured.pixels.float(), wanted) and factors.min() < 0.8 and factors.max() > 1.2


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "given", [{}, {"flip": True}, {"crop": 4}, {"crop": (7, 5), "flip": True}, {"colour": 0.6}, {"crop": 6, "flip": True, "colour": 0.3}]
)
def test_lazy_views_have_the_same_pixels_whatever_is_looked_up(channels, given):
    data = images(channels)
    eager, lazy = make_views(data, 4, 2, 5, **given), make_views(data, 4, 2, 5, **given, lazy=True)
    assert torch.equal(everything(eager), everything(lazy))
    view, index = torch.tensor([[3], [0]]), torch.tensor([[5], [2]])
    assert torch.equal(lazy.inputs(view, index), eager.inputs(view, index))
    if "crop" not in given:
        assert torch.equal(eager.pixels[0], data.images)


def test_a_crop_is_a_window_of_the_padded_image_and_every_window_comes():
    dot = torch.zeros(300, 1, 5, 5, dtype=torch.uint8)
    dot[:, :, 2, 2] = 255
    pool = make_views(ImageSet(dot, None, 2, "dots"), 2, 1, crop=5)
    assert torch.equal(pool.pixels[0], dot)
    places = {divmod(int(p), 5) for p in pool.pixels[1].flatten(1).long().argmax(1)}
    assert places == {(r, c) for r in (1, 2, 3) for c in (1, 2, 3)}
    assert torch.equal(make_views(ImageSet(dot, None, 2, "dots"), 1, 0, crop=3).pixels[0], dot[:, :, 1:4, 1:4])


def test_colours_follow_their_formula():
    """Against the same formula in float64, image by image, rounded after each step."""
    pixels = drawn(40, 3, 5, 5)
    factors = 2 * torch.rand(40, 3, generator=torch.Generator().manual_seed(1))
    got = augment.coloured(pixels, factors).double()
    rounded = lambda v: v.round().clamp(0, 255)
    weights = torch.tensor([0.299, 0.587, 0.114], dtype=torch.double).view(3, 1, 1)
    for image, (b, c, s), seen in zip(pixels.double(), factors.double(), got, strict=True):
        x = rounded(image * b)
        mean = (weights * x).sum(0).mean()
        x = rounded(mean + c * (x - mean))
        grey = (weights * x).sum(0)
        wanted = rounded(grey + s * (x - grey))
        assert (seen - wanted).abs().max() <= 1 and (seen != wanted).double().mean() < 0.02
    assert torch.equal(augment.coloured(pixels, torch.ones(40, 3)), pixels)
    grey = augment.coloured(pixels, torch.tensor([1.0, 1.0, 0.0]).expand(40, 3))
    assert (grey.long().amax(1) - grey.long().amin(1)).max() == 0  # without saturation all channels agree
    flat = augment.coloured(pixels, torch.tensor([1.0, 0.0, 1.0]).expand(40, 3))
    assert (flat.flatten(1).long().amax(1) - flat.flatten(1).long().amin(1)).max() == 0  # without contrast every pixel is the mean


BAD_VIEWS = {
    "flip": (dict(flip=1), "flip must be True or False, but 1 was given"),
    "crop": (dict(crop=11), "crop must be at most the padded image, 10 x 10, but 11 was given"),
    "crop 0": (dict(crop=0), "crop must be at least 1"),
    "crop of three": (dict(crop=(1, 2, 3)), r"crop must be a side or \(height, width\)"),
    "colour": (dict(colour=1.5), r"colour \(brightness\) must be from 0 to 1, but 1.5"),
    "colours": (dict(colour=(0.1, 0.1)), "colour must be one strength or"),
    "seed": (dict(shift=-1), "shift must be at least 0"),
}


@pytest.mark.parametrize(("given", "words"), BAD_VIEWS.values(), ids=BAD_VIEWS)
def test_changes_out_of_range_are_named(given, words):
    with pytest.raises(InputError, match=words):
        make_views(images(), 2, **given)


def test_saturation_needs_colour():
    with pytest.raises(InputError, match=r"colour \(saturation\) needs three channels, but the images have 1"):
        make_views(images(1), 2, colour=(0.1, 0.1, 0.1))
    assert make_views(images(1), 2, colour=0.5).views == 2


# arrays and tokens


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64, np.float16, np.float32, np.float64])
def test_arrays_of_any_floating_type_come_as_float32(kind):
    values = normal(N, 2, 3)
    given = values.numpy().astype(kind) if isinstance(kind, type) else values.to(kind)
    pool = ArrayPool(given, LABELS, CLASSES)
    assert everything(pool).dtype == torch.float32 and torch.equal(everything(pool)[0], torch.as_tensor(given).float())
    assert pool.arrays.dtype == (torch.as_tensor(given).dtype if torch.as_tensor(given).dtype != torch.float64 else torch.float32)


def test_a_numpy_array_is_copied_and_views_are_declared():
    values = np.ones((N, 2), np.float32)
    pool = ArrayPool(values, LABELS, CLASSES)
    values[:] = 7
    assert everything(pool).max() == 1
    stacked = normal(4, N, 3)
    pool = ArrayPool(stacked, LABELS, CLASSES, has_views=True)
    assert pool.views == 4 and len(pool) == N and torch.equal(everything(pool), stacked)


BAD_ARRAYS = {
    "NaN": (lambda: ArrayPool(torch.full((N, 2), float("nan")), LABELS, 3), "arrays must be finite, but 12 of its 12"),
    "too large for float32": (lambda: ArrayPool(torch.full((N, 2), 1e300, dtype=torch.double), LABELS, 3), "arrays must be finite"),
    "uint8": (lambda: ArrayPool(drawn(N, 2), LABELS, 3), "arrays must be a floating-point tensor or array, but torch.uint8"),
    "whole numpy": (lambda: ArrayPool(np.ones((N, 2), int), LABELS, 3), "but int64 was given; use .float"),
    "a list": (lambda: ArrayPool([[1.0]], None), "but list was given"),
    "no features": (lambda: ArrayPool(torch.ones(N), LABELS, 3), "arrays must be .* of at least 2 dimensions"),
    "empty": (lambda: ArrayPool(torch.ones(0, 2)), "arrays must hold at least one example"),
    "views not declared": (lambda: ArrayPool(normal(4, N, 3), LABELS, 3), "pass has_views=True"),
    "tokens out of range": (lambda: TokenPool(torch.full((N, 4), 9), None, 9), "tokens must be from 0 to 8, but tokens from 9 to 9"),
    "negative tokens": (lambda: TokenPool(torch.full((N, 4), -100), None, 9), "padding needs a token too"),
    "float tokens": (lambda: TokenPool(torch.ones(N, 4), None, 9), "tokens must be a tensor of whole numbers .* but torch.float32"),
    "flat tokens": (lambda: TokenPool(torch.arange(4), None, 9), r"tokens must be whole numbers \[N, T\], but \[4\]"),
    "targets of another length": (
        lambda: TokenPool(torch.ones(N, 4).long(), torch.ones(N, 3).long(), 9), r"labels must be \[N\] or, as tokens, \[6, 4\]"
    ),
    "short": (lambda: next_tokens(torch.ones(2, 1).long()), "at least 2 tokens"),
    "padding only": (lambda: next_tokens(torch.zeros(2, 3).long(), padding=0), "more than padding=0"),
}


@pytest.mark.parametrize(("call", "words"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_arrays_and_tokens_that_do_not_fit_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_next_tokens_are_the_targets_and_padding_is_none():
    sequences = torch.tensor([[5, 6, 7, 0, 0], [1, 2, 3, 4, 5]])
    inputs, targets = next_tokens(sequences, padding=0)
    assert inputs.tolist() == [[5, 6, 7, 0], [1, 2, 3, 4]] and targets.tolist() == [[6, 7, -100, -100], [2, 3, 4, 5]]
    pool = TokenPool(inputs, targets, 8)
    assert pool.ignore_index == -100 and torch.equal(pool.labels, targets)
    loss = torch.nn.functional.cross_entropy(torch.zeros(2, 8, 4), pool.labels, ignore_index=pool.ignore_index)
    assert loss.item() == pytest.approx(np.log(8), abs=1e-6)
    assert TokenPool(inputs, torch.tensor([1, 0]), 2, vocabulary=8).labels.tolist() == [1, 0]  # one label for a sequence
    assert TokenPool(torch.ones(3, 1).long(), torch.ones(3, 1).long(), 2).labels.shape == (3, 1)


# torch data sets


class Photos(Dataset):
    """PIL images with a transform, as torchvision's data sets are."""

    classes = ["cat", "dog", "cow"]

    def __init__(self, mode="RGB", transform=None, count=N):
        self.mode, self.transform, self.count = mode, transform, count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        pixels = drawn(5, 4, 3, seed=index).numpy()
        image = Image.fromarray(pixels).convert(self.mode)
        return image if self.transform is None else self.transform(image), index % 3


def everywhere(image):
    """A transform that draws from all three global generators."""
    return torch.tensor([random.random(), np.random.rand(), torch.rand(()).item()])


def test_a_data_set_of_pil_images_becomes_a_pool_of_views():
    pool = from_dataset(Photos())
    assert isinstance(pool, ViewPool) and pool.pixels.shape == (1, N, 3, 5, 4) and pool.pixels.dtype == torch.uint8
    assert pool.classes == 3 and pool.labels.tolist() == [0, 1, 2, 0, 1, 2] and pool.name == "Photos"
    assert torch.equal(pool.pixels[0, 4], drawn(5, 4, 3, seed=4).permute(2, 0, 1))
    assert from_dataset(Photos("L")).pixels.shape == (1, N, 1, 5, 4)
    part = from_dataset(Subset(Photos(), [4, 1]))
    assert part.labels.tolist() == [1, 1] and part.classes == 3 and torch.equal(part.pixels[0], pool.pixels[0, [4, 1]])


def test_torchvision_transforms_and_loaders_are_taken():
    from torchvision import transforms as T

    crop = T.Compose([T.RandomCrop(4, padding=1), T.RandomHorizontalFlip()])
    pool = from_dataset(Photos(), crop, views=4, seed=1)
    assert pool.views == 4 and pool.pixels.dtype == torch.uint8 and pool.input_shape == (3, 4, 4)
    assert torch.equal(pool.pixels, from_dataset(Photos(transform=crop), views=4, seed=1).pixels)  # the data set's own transform
    normal_ = T.Compose([crop, T.ToTensor(), T.Normalize([0.5] * 3, [0.25] * 3)])
    floats = from_dataset(DataLoader(Photos(transform=normal_), batch_size=2, shuffle=True), views=4, seed=1)
    assert isinstance(floats, ArrayPool) and floats.labels.tolist() == pool.labels.tolist()
    torch.testing.assert_close(everything(floats), (everything(pool) - 0.5) / 0.25)


def test_what_a_view_draws_follows_from_seed_view_and_index_alone():
    random.seed(5), np.random.seed(5), torch.manual_seed(5)
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    seen = everything(from_dataset(Photos(), everywhere, views=3, seed=2))
    assert random.getstate() == before[0] and (np.random.get_state()[1] == before[1]).all() and torch.equal(torch.get_rng_state(), before[2])
    assert seen.flatten(0, 1).unique(dim=0).shape == (3 * N, 3)
    random.seed(6), np.random.seed(6), torch.manual_seed(6)
    assert torch.equal(seen, everything(from_dataset(Photos(), everywhere, views=3, seed=2)))
    assert torch.equal(seen[:2, :4], everything(from_dataset(Photos(count=4), everywhere, views=2, seed=2)))  # fewer views, fewer examples
    assert not torch.equal(seen, everything(from_dataset(Photos(), everywhere, views=3, seed=3)))


def test_targets_may_be_numbers_tensors_or_trees():
    pairs = lambda y: [(normal(3, seed=i), y(i)) for i in range(N)]
    assert from_dataset(pairs(lambda i: i / 2)).labels.dtype == torch.float32
    assert from_dataset(pairs(lambda i: np.int64(i % 2)), classes=2).labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert from_dataset(pairs(lambda i: torch.tensor(i % 2)), classes=2).labels.shape == (N,)
    tree = from_dataset(pairs(lambda i: {"box": np.ones(4) * i, "kind": (i, True)})).labels
    assert tree["box"].shape == (N, 4) and tree["kind"][0].tolist() == list(range(N)) and tree["kind"][1].dtype == torch.int64
    assert from_dataset(TensorDataset(normal(N, 3)), labels=False).labels is None
    tokens = from_dataset(TensorDataset(torch.arange(12).view(6, 2), torch.arange(12).view(6, 2)), classes=12)
    assert isinstance(tokens, TokenPool) and everything(tokens)[0].tolist() == torch.arange(12).view(6, 2).tolist()
    weighted = from_dataset(TensorDataset(normal(N, 3), LABELS - 1), classes=2, class_weights=[1, 2], ignore_index=-1)
    assert weighted.class_weights.tolist() == [1, 2] and weighted.labels.tolist() == (LABELS - 1).tolist()
    assert everything(from_dataset(TensorDataset(normal(N, 3).double(), LABELS), classes=3)).dtype == torch.float32


class Endless(IterableDataset):
    def __iter__(self):
        while True:
            yield torch.zeros(2), 0


class Counting(Dataset):
    """Randomness that no seed reaches: a generator of its own."""

    def __init__(self):
        self.own = np.random.default_rng(0)

    def __len__(self):
        return N

    def __getitem__(self, index):
        return torch.tensor([self.own.random()]), 0


def pairs(**changed):
    return [changed.get(f"at{i}", (normal(3, seed=i), 0)) for i in range(N)]


BAD_SETS = {
    "empty": (lambda: from_dataset([]), "source must hold at least one example"),
    "differing shapes": (lambda: from_dataset(pairs(at2=(normal(4), 0)), classes=2), r"example 2 is torch.float32 \[4\] and example 0"),
    "differing types": (lambda: from_dataset(pairs(at3=(normal(3).half(), 0)), classes=2), "example 3 is torch.float16"),
    "no labels": (lambda: from_dataset(TensorDataset(normal(N, 3))), "pairs .* example 0 is a tuple of 1; pass labels=False"),
    "a label that is None": (lambda: from_dataset([(normal(3), None)]), "y of example 0 is None"),
    "a word as label": (lambda: from_dataset([(normal(3), "cat")]), "labels must be numbers, .* example 0 has 'cat'"),
    "labels of differing shapes": (lambda: from_dataset(pairs(at1=(normal(3), torch.zeros(2))), classes=2), "example 1 has torch.float32"),
    "labels of differing parts": (lambda: from_dataset(pairs(at1=(normal(3), {"a": 0})), classes=2), "those of example 1 differ"),
    "endless": (lambda: from_dataset(Endless()), "Endless was given; use list"),
    "endless loader": (lambda: from_dataset(DataLoader(Endless())), "Endless was given"),
    "a generator": (lambda: from_dataset((normal(3), 0) for _ in range(3)), "generator was given"),
    "a tensor": (lambda: from_dataset(normal(3, 2)), "Tensor was given; use ArrayPool"),
    "classes not given": (lambda: from_dataset(pairs()), "classes must be given"),
    "a word as input": (lambda: from_dataset([("cat", 0)]), "example 0 must be a tensor.*ToTensor"),
    "a transform that gives words": (lambda: from_dataset(Photos(), lambda image: "cat"), "ToTensor"),
    "a transform that is none": (lambda: from_dataset(Photos(), "crop"), "transform must be a function"),
    "another mode": (lambda: from_dataset(Photos("CMYK")), r"mode CMYK was given; use image.convert\('RGB'\)"),
    "channels last": (lambda: from_dataset([(np.zeros((8, 8, 3), np.uint8), 0)]), "channels first.*permute"),
    "NaN": (lambda: from_dataset([(torch.tensor([float("nan")]), 0)]), "example 0 must be finite"),
    "its own generator": (lambda: from_dataset(Counting(), classes=2), "example 0 differed when it was read again"),
    "a label that moves": (lambda: from_dataset(Noisy(), views=3, classes=9), "y of example 0 differs between view 0 and view"),
    "a sampler": (
        lambda: from_dataset(DataLoader(Photos(), sampler=WeightedRandomSampler([1.0] * N, N))),
        "a DataLoader with WeightedRandomSampler was given; pass the data set",
    ),
    "a collate function": (lambda: from_dataset(DataLoader(Photos(), collate_fn=lambda b: b)), "collate_fn of its own"),
    "views": (lambda: from_dataset(Photos(), views=0), "views must be at least 1"),
    "views of tokens": (
        lambda: from_dataset([(torch.arange(3), torch.arange(3))] * 2, lambda x: x + torch.randint(2, ()), views=2, classes=9),
        "views must be 1",
    ),
}  # fmt: skip


class Noisy(Dataset):
    def __len__(self):
        return N

    def __getitem__(self, index):
        return torch.rand(2), int(torch.randint(9, ()))


@pytest.mark.parametrize(("call", "words"), BAD_SETS.values(), ids=BAD_SETS)
def test_data_sets_that_do_not_fit_are_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_views_that_are_all_alike_are_said():
    with pytest.warns(UserWarning, match="views=2 were asked for, but all views of the first 6 examples are alike"):
        from_dataset(Photos(), views=2)
