"""Data: what the bundled digits are, how they are split, and what a pool of views holds."""

import time

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet, ViewPool, digits, load_digits, make_views


def images(n=6, size=5, classes=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(1, 256, (n, 2, size, size), generator=generator).to(torch.uint8)
    return ImageSet(pixels, torch.arange(n) % classes, classes, "made")


def test_the_digits_are_split_in_balance_and_never_overlap():
    splits = load_digits()
    assert [len(part) for part in splits] == [3500, 500, 1000]
    for part, each in zip(splits, (350, 50, 100), strict=True):
        assert part.labels.bincount().tolist() == [each] * 10
        assert part.images.shape[1:] == (1, 28, 28) and part.images.dtype == torch.uint8
        assert part.classes == 10 and part.labels.dtype == torch.int64
        assert part.labels[:50].unique().numel() > 5  # in random order, although the file is sorted
    seen = [image.numpy().tobytes() for part in splits for image in part.images]
    assert len(set(seen)) == 5000


def test_the_split_is_the_same_every_time_and_loads_at_once():
    first = load_digits()
    seconds = []
    for _ in range(3):
        begun = time.process_time()
        second = load_digits()
        seconds.append(time.process_time() - begun)
    assert min(seconds) < 0.3
    assert all(torch.equal(a.images, b.images) and torch.equal(a.labels, b.labels) for a, b in zip(first, second, strict=True))
    torch.manual_seed(99)
    assert torch.equal(load_digits().test.labels, first.test.labels)


def test_images_go_with_their_labels():
    """A nearest-mean classifier reads the digits well only if images and labels stayed together."""
    train, _, test = load_digits()
    means = torch.stack([train.x[train.labels == c].mean(0) for c in range(10)]).flatten(1)
    guess = torch.cdist(test.x.flatten(1), means).argmin(1)
    assert (guess == test.labels).float().mean() > 0.75


def test_a_damaged_file_is_said(tmp_path, monkeypatch):
    content = bytearray(digits.BUNDLED.read_bytes())
    content[400_000] ^= 1
    broken = tmp_path / "mnist5k.npz"
    broken.write_bytes(content)
    monkeypatch.setattr(digits, "BUNDLED", broken)
    with pytest.raises(InputError, match=r"mnist5k\.npz is damaged"):
        load_digits()


def test_the_full_set_is_read_from_where_it_lies(tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for part, n in (("train", 5020), ("t10k", 30)):
        head = b"".join(v.to_bytes(4, "big") for v in (0x803, n, 28, 28))
        numbered = b"".join((i // 256).to_bytes(1, "big") + (i % 256).to_bytes(1, "big") + bytes(782) for i in range(n))
        (raw / f"{part}-images-idx3-ubyte").write_bytes(head + numbered)
        labels = bytes(i % 10 for i in range(n))
        (raw / f"{part}-labels-idx1-ubyte").write_bytes((0x801).to_bytes(4, "big") + n.to_bytes(4, "big") + labels)
    splits = load_digits(full=True, root=tmp_path)
    assert [len(part) for part in splits] == [20, 5000, 30]
    number = [part.images[:, 0, 0, 0].long() * 256 + part.images[:, 0, 0, 1].long() for part in splits]
    assert all(torch.equal(n % 10, part.labels) for n, part in zip(number, splits, strict=True))
    assert sorted(torch.cat(number[:2]).tolist()) == list(range(5020))


def test_an_image_set_gives_floats_subsets_and_balanced_samples():
    data = images(12)
    assert data.x.dtype == torch.float32 and data.x.min() > 0 and data.x.max() <= 1
    torch.testing.assert_close(data.x * 255, data.images.float())
    part = data.subset([5, 0])
    assert torch.equal(part.images, data.images[[5, 0]]) and part.labels.tolist() == [2, 0]
    few = data.per_class(2, seed=1)
    assert few.labels.bincount().tolist() == [2, 2, 2]
    assert torch.equal(few.images, data.per_class(2, seed=1).images)
    assert any(not torch.equal(few.images, data.per_class(2, seed=s).images) for s in range(2, 6))
    rest = data.excluding(1)
    assert rest.classes == 3 and set(rest.labels.tolist()) == {0, 2} and len(rest) == 8
    assert data.without_labels().labels is None and data.without_labels().subset([1]).labels is None
    assert data.to("cpu").labels is not None and data.without_labels().to("meta").images.device.type == "meta"


@given(n=st.integers(1, 6), views=st.integers(1, 5), shift=st.integers(0, 3), seed=st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_every_view_is_a_shift_of_its_image(n, views, shift, seed):
    data = images(n)
    pool = make_views(data, views, shift, seed)
    assert pool.pixels.shape == (views, *data.images.shape) and pool.pixels.dtype == torch.uint8
    assert torch.equal(pool.pixels[0], data.images)
    padded = torch.nn.functional.pad(data.images, [shift] * 4)
    steps = range(2 * shift + 1)
    windows = [padded[:, :, d : d + 5, r : r + 5] for d in steps for r in steps]
    for view in pool.pixels:
        for i in range(n):
            assert any(torch.equal(view[i], window[i]) for window in windows)
    assert torch.equal(pool.pixels, make_views(data, views, shift, seed).pixels)


def test_views_differ_between_images_and_seeds_and_cover_all_moves():
    data = ImageSet(torch.zeros(400, 1, 7, 7, dtype=torch.uint8), torch.zeros(400, dtype=torch.int64), 1, "dots")
    data.images[:, 0, 3, 3] = 255
    first, second = (make_views(data, 2, 2, seed).pixels[1].flatten(1).long().argmax(1) for seed in (0, 1))
    assert not torch.equal(first, second)
    assert {(int(p) // 7 - 3, int(p) % 7 - 3) for p in first} == {(d, r) for d in range(-2, 3) for r in range(-2, 3)}


def test_a_pool_looks_up_any_view_of_any_image():
    pool = make_views(images(6), 4, 1)
    view, index = torch.tensor([[3, 0], [1, 1]]), torch.tensor([[5, 2], [0, 5]])
    x = pool.inputs(view, index)
    assert x.shape == (2, 2, 2, 5, 5) and x.dtype == torch.float32
    for i in range(2):
        for j in range(2):
            torch.testing.assert_close(x[i, j], pool.pixels[view[i, j], index[i, j]].float() / 255)


def test_a_pool_moves_with_its_tree_of_targets():
    pool = ViewPool(make_views(images(4), 2).pixels, {"boxes": torch.zeros(4, 3, 4), "tokens": (torch.zeros(4, 7),)}, 3, "boxes")
    moved = pool.to("meta")
    assert moved.pixels.device.type == moved.labels["boxes"].device.type == moved.labels["tokens"][0].device.type == "meta"
    assert pool.to("cpu") is pool
    assert pool.without_labels().labels is None and pool.without_labels().to("meta").labels is None
