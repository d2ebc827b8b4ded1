"""Emoji of many classes: the same everywhere for a seed and in whatever blocks, classes apart and in equal shares, vendors apart, and on disk."""

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder

from distill_helpers.checks import InputError
from distill_helpers.data import Stream, load_image_folder
from distill_helpers.data.generated import (
    bundling_emoji,
    emoji_blocks,
    emoji_folders,
    emoji_imagenet,
    emoji_names,
    pieces,
    write_emoji_folder,
    write_emoji_shards,
)
from distill_helpers.data.generated.emoji_sprites import ALL, LEVELS, VENDORS, emoji_sprites

PLACE = sys.modules["distill_helpers.data.generated.emoji_imagenet"]  # the function of that name hides its module


def digest(images):
    return hashlib.sha256(images.images.numpy().tobytes() + images.labels.numpy().tobytes()).hexdigest()[:16]


def joined(blocks):
    images, labels = zip(*blocks, strict=True)
    return torch.cat(images), torch.cat(labels)


OTHERWISE = {"classes": 300, "vendor": "twitter", "size": 32, "held_out_photos": True}


@pytest.mark.parametrize(("changes", "wanted"), [({}, "91002e4eda929d4f"), (OTHERWISE, "6bd55f786abe39c4")], ids=["as it is", "otherwise"])
def test_a_seed_gives_the_same_pictures_everywhere(changes, wanted):
    torch.rand(3)
    before = torch.get_rng_state()
    assert digest(emoji_imagenet(30, 7, **changes)) == wanted and torch.equal(before, torch.get_rng_state())
    assert digest(emoji_imagenet(30, 8, **changes)) != wanted


def without_noise(dice, pictures):
    return (pictures.clamp(0, 1) * 255).round().to(torch.uint8)


def test_a_smaller_set_is_the_beginning_of_a_larger_one_and_blocks_are_the_set():
    whole, part = emoji_imagenet(230, 3, 120), emoji_imagenet(101, 3, 120)
    assert torch.equal(whole.images[:101], part.images) and torch.equal(whole.labels[:101], part.labels)
    images, labels = joined(emoji_blocks(230, 3, 120))
    assert torch.equal(images, whole.images) and torch.equal(labels, whole.labels)
    assert [len(images) for images, _ in emoji_blocks(230, 3, 120)] == [50, 50, 50, 50, 30]
    assert len({image.numpy().tobytes() for image in whole.images}) == 230


@pytest.mark.parametrize("classes", [2, 7, 100, 150, ALL])
def test_classes_come_in_equal_shares_and_random_order(classes):
    labels = torch.cat([PLACE._labels(5, classes, block) for block in range(2 * classes // PLACE.BLOCK + 1)])[: 2 * classes + 1]
    shares = labels.bincount(minlength=classes)
    assert shares.min() == 2 and shares.max() == 3 and sorted(labels[:classes].tolist()) == list(range(classes))
    if classes > 2:
        assert labels[:classes].tolist() != list(range(classes)) and not torch.equal(labels[:classes], labels[classes : 2 * classes])


def test_shapes_and_sizes(monkeypatch):
    found = emoji_imagenet(103, 0)
    assert found.images.shape == (103, 3, 64, 64) and found.images.dtype == torch.uint8 and found.classes == 100 and found.name == "emoji-imagenet"
    assert found.labels.bincount().tolist().count(2) == 3 and found.images.float().std() > 30
    small, large, largest = (emoji_imagenet(20, 0, size=size) for size in (32, 64, 128))
    assert torch.equal(small.labels, large.labels) and small.images.shape[2:] == (32, 32) and largest.images.shape[2:] == (128, 128)
    monkeypatch.setattr(PLACE, "finished", without_noise)
    small, large, largest = (emoji_imagenet(20, 0, size=size).images.float() for size in (32, 64, 128))
    halved, quarter = torch.nn.functional.avg_pool2d(large, 2), torch.nn.functional.avg_pool2d(largest, 4)
    assert (small - halved).abs().max() <= 1 and (quarter - halved).abs().mean() < 4 < (halved - halved.flip(3)).abs().mean()


# ---- what is drawn


@pytest.fixture
def plain(monkeypatch):
    """Sprites in one colour for each vendor, opaque and square, on black, without noise."""
    painted = torch.zeros(2, 100, 4, 64, 64, dtype=torch.uint8)
    painted[:, :, 3] = LEVELS
    painted[0, :, 0], painted[1, :, 2] = LEVELS, LEVELS
    monkeypatch.setattr(PLACE, "emoji_sprites", lambda classes: painted[:, :classes])
    monkeypatch.setattr(PLACE, "backgrounds", lambda dice, count, size, held_out: torch.zeros(count, 3, size, size, dtype=torch.float64))
    monkeypatch.setattr(PLACE, "finished", without_noise)


def test_a_vendor_draws_its_own_sprites_alone_in_the_same_places(plain):
    seen = {vendor: emoji_imagenet(100, 0, vendor=vendor) for vendor in (*VENDORS, "both")}
    red, blue = ({vendor: s.images[:, c].amax((1, 2)) > 200 * 0.5 for vendor, s in seen.items()} for c in (0, 2))
    assert red["google"].all() and not blue["google"].any() and blue["twitter"].all() and not red["twitter"].any()
    assert (red["both"] ^ blue["both"]).all() and 30 < red["both"].sum() < 70
    covers = [(s.images > 40).any(1) for s in seen.values()]
    alike = (covers[0] == covers[1]).float().mean((1, 2))
    assert torch.equal(seen["google"].labels, seen["twitter"].labels) and alike.median() == 1
    real = [emoji_sprites(100)[v] for v in (0, 1)]
    assert not any(torch.equal(a, b) for a, b in zip(*real, strict=True))


def test_objects_are_as_large_as_is_said_and_a_third_are_covered(plain, monkeypatch):
    made = emoji_imagenet(1000, 1, vendor="google").images[:, 0] > 60
    share = made.float().mean((1, 2))
    assert 0.1 < share.quantile(0.01) < 0.2 and 0.75 < share.quantile(0.99) < 0.95
    own = 130 + 2 * torch.arange(PLACE.BLOCK)  # how green it is behind each picture of a block; a red square is not
    monkeypatch.setattr(PLACE, "backgrounds", lambda dice, count, size, held_out: own.double().view(-1, 1, 1, 1).expand(count, 3, size, size) / 255)
    green = emoji_imagenet(1000, 1, vendor="google").images[:, 1].flatten(1).long()
    foreign = torch.stack([(green == level).sum(1) > 100 for level in own], 1)  # a patch of at least 11 by 11 pixels in one colour
    foreign[torch.arange(1000), torch.arange(1000) % PLACE.BLOCK] = False
    assert foreign.sum(1).max() == 1 and 0.27 < foreign.any(1).float().mean() < 0.39


def test_held_out_photos_change_what_is_behind_alone(monkeypatch):
    asked = []
    black = lambda dice, count, size, held_out: asked.append(held_out) or torch.zeros(count, 3, size, size, dtype=torch.float64)
    near, far = (emoji_imagenet(60, 2, held_out_photos=held_out) for held_out in (False, True))
    changed = (near.images != far.images).flatten(1).any(1).float().mean()
    assert 0.4 < changed < 0.9 and torch.equal(near.labels, far.labels)  # the others have colours behind them
    monkeypatch.setattr(PLACE, "backgrounds", black)
    emoji_imagenet(5, 2, held_out_photos=True), emoji_imagenet(5, 2)
    assert asked[0].all() and not asked[1].any()


def test_the_object_is_its_label():
    """Colours that the sprites of a class have most of name it far more often than chance."""
    found = emoji_imagenet(400, 4, vendor="twitter")
    sprites = emoji_sprites(100)[1].double() / LEVELS
    solid = sprites[:, 3:]
    wanted = (sprites[:, :3] * solid).sum((2, 3)) / solid.sum((2, 3))
    seen = found.images.double()[:, :, 20:44, 20:44].mean((2, 3)) / 255
    nearest = torch.cdist(seen, wanted).argsort(1)[:, :10]
    assert (nearest == found.labels.unsqueeze(1)).any(1).float().mean() > 0.2


# ---- classes


def test_classes_have_names_and_the_first_are_spread_over_the_categories():
    names, held = emoji_names(ALL), [pieces.pieces(name) for name in ("emoji", "emoji_more")]
    categories = [c for file in held for c in file["categories"].tolist()]
    assert len(set(names)) == ALL == len(categories) and len(held[0]["names"]) == 100 and emoji_names() == names[:100] == emoji_names(300)[:100]
    assert names[:5] == ("monkey face", "grapes", "jack-o-lantern", "earth globe europe-africa", "eyeglasses")
    assert all(categories[:100].count(c) == 20 for c in bundling_emoji.CATEGORIES) and set(categories[:5]) == set(bundling_emoji.CATEGORIES)
    assert len(set(emoji_folders(ALL))) == ALL and sorted(emoji_folders(ALL)) == list(emoji_folders(ALL))
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") for name in emoji_folders(ALL))
    assert torch.equal(emoji_sprites(150)[:, :100], emoji_sprites(100)) and emoji_sprites(101).shape == (2, 101, 4, 64, 64)


def test_no_two_classes_are_near_duplicates():
    for drawn in emoji_sprites(ALL).permute(0, 1, 3, 4, 2).numpy():
        apart = bundling_emoji.difference(drawn)
        np.fill_diagonal(apart, 1)
        assert apart.min() >= bundling_emoji.ALIKE


def test_what_is_a_near_duplicate():
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 64, (2, 64, 64, 4), np.uint8)
    mirrored, moved = one[:, ::-1], np.roll(one, (2, -2), (0, 1))
    apart = bundling_emoji.difference(np.stack([one, mirrored, moved, other, np.roll(one, 8, 0)]))
    assert apart[0, 1] < 1e-6 and apart[0, 2] < 1e-6 and apart[0, 3] > 0.1 and apart[0, 4] > 0.1 and np.array_equal(apart, apart.T)
    half = np.zeros((2, 64, 64, 4), np.uint8)
    half[0, ..., 3] = 63  # black against nothing: half in colour, all in opacity
    assert bundling_emoji.difference(half)[0, 1] == pytest.approx(((3 * 0.25 + 1) / 4) ** 0.5)
    line = np.array([[0, 0.1, 0.2, 0.05], [0.1, 0, 0.1, 0.2], [0.2, 0.1, 0, 0.2], [0.05, 0.2, 0.2, 0]])
    assert bundling_emoji.distinct(line) == [0, 2]  # 2 is near to 1, which was left out


def test_the_order_halves():
    assert bundling_emoji.spread([0] * 5 + [1] * 2 + [4]) == [0, 5, 7, 4, 6, 2, 1, 3]


@pytest.mark.parametrize(("bad", "says"), [
    (dict(count=0), "count"), (dict(seed=-1), "seed"), (dict(count=2.5), "count"), (dict(vendor="apple"), "vendor must be one of"),
    (dict(classes=1), "classes must be at least 2"), (dict(classes=795), "classes must be at most 794"),
    (dict(size=15), "size must be at least 16"), (dict(size=129), "size must be at most 128"),
])  # fmt: skip
def test_bad_arguments_are_named(bad, says):
    given = {"count": 5, "seed": 0, **bad}
    with pytest.raises(InputError, match=says):
        emoji_imagenet(**given)
    with pytest.raises(InputError, match=says):
        emoji_blocks(**given)  # before the first block is asked for


# ---- on disk


def test_folders_are_read_back(tmp_path):
    made = emoji_imagenet(130, 5, 40)
    folder = write_emoji_folder(tmp_path / "train", 130, 5, classes=40, format="png")
    read = load_image_folder(folder, 56)
    order = torch.tensor(sorted(range(130), key=lambda i: (made.labels[i].item(), i)))
    assert torch.equal(read.images, made.images[order][:, :, 4:60, 4:60]) and torch.equal(read.labels, made.labels[order]) and read.classes == 40
    assert ImageFolder(folder).classes == list(emoji_folders(40)) and not list(tmp_path.glob(".*"))


def test_shards_are_read_back(tmp_path):
    made = emoji_imagenet(130, 5, 40)
    paths = write_emoji_shards(tmp_path / "shards", 130, 5, classes=40, format="png", per_shard=50)
    stream = Stream(tmp_path / "shards", classes=40)
    seen = (stream.inputs(torch.zeros(130, dtype=torch.int64), torch.arange(130)) * 255).round().to(torch.uint8)
    assert len(paths) == 3 and torch.equal(seen, made.images) and torch.equal(stream.labels, made.labels)


def test_jpeg_has_the_quality_that_is_asked_for(tmp_path):
    image = emoji_imagenet(2, 0, 2).images[0].permute(1, 2, 0).numpy()
    written = {}
    for quality in (90, 30):
        folder = write_emoji_folder(tmp_path / str(quality), 2, 0, classes=2, **({} if quality == 90 else {"quality": quality}))
        (file,) = folder.glob("*/0000000.jpg")
        expected = io.BytesIO()
        Image.fromarray(image).save(expected, "JPEG", quality=quality)
        written[quality] = file.read_bytes()
        assert written[quality] == expected.getvalue()
    assert len(written[30]) < len(written[90])


def test_what_cannot_be_written_is_said_and_leaves_nothing(tmp_path, monkeypatch):
    wrong = (dict(format="gif"), "format must be one of"), (dict(quality=0), "quality"), (dict(classes=900), "classes must be at most")
    for write in (write_emoji_folder, write_emoji_shards):
        for bad, says in wrong:
            with pytest.raises(InputError, match=says):
                write(tmp_path / "set", 200, 0, **bad)
    with pytest.raises(InputError, match="count must be at least 100, so that every class has a picture"):
        write_emoji_folder(tmp_path / "set", 99, 0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="must be new or empty"):
        write_emoji_folder(tmp_path / "full", 100, 0)

    def broken(*given):
        yield from emoji_blocks(100, 0, 4)
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["distill_helpers.data.generated.emoji_files"], "emoji_blocks", lambda *given, **changes: broken())
    for write in (write_emoji_folder, write_emoji_shards):
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "set", 200, 0, classes=4)
    assert [p.name for p in tmp_path.iterdir()] == ["full"]


def test_memory_stays_flat_however_many_pictures_are_written(tmp_path):
    """The peak of a process that writes 1,000 pictures more grows by far less than those take, 12 MB."""
    pytest.importorskip("resource")
    exact = os.environ | {"MALLOC_MMAP_THRESHOLD_": "1000000", "OMP_NUM_THREADS": "1"}  # memory goes back at once, so that the peak is what is held
    run = lambda count: subprocess.run([sys.executable, "-c", PEAK, str(tmp_path / str(count)), str(count)], capture_output=True, text=True,
                                       check=True, cwd=Path(__file__).parents[2], env=exact)  # fmt: skip
    few, many = (int(run(count).stdout) for count in (100, 1100))
    assert many - few < 4e6 < 1000 * 3 * 64 * 64 / 3


PEAK = """
import resource, sys
from distill_helpers.data.generated import write_emoji_shards
write_emoji_shards(sys.argv[1], int(sys.argv[2]), 0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""
