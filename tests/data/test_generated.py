"""Generated pictures: the same everywhere for a seed, classes in equal shares, what is held out held out, things where they are said to be."""

import hashlib
import sys

import numpy as np
import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.data import load_coco
from distill_helpers.data.generated import emoji_cifar, emoji_coco, font_svhn, write_emoji_coco
from distill_helpers.data.generated import pieces as bundled
from distill_helpers.data.generated.compose import PHOTOS, Dice, backgrounds, matrix, sampled
from distill_helpers.data.generated.emoji_cifar import class_names
from distill_helpers.data.generated.font_svhn import fonts

MAKERS = {"font_svhn": font_svhn, "emoji_cifar": emoji_cifar}


def digest(images):
    return hashlib.sha256(images.images.numpy().tobytes() + images.labels.numpy().tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("name", "wanted"), [("font_svhn", "1f0c58f87de54912"), ("emoji_cifar", "70dc1e60a1c5c57a")])
def test_a_seed_gives_the_same_pictures_everywhere(name, wanted):
    make = MAKERS[name]
    torch.rand(3)
    assert digest(make(50, 7)) == wanted
    assert digest(make(50, 8)) != wanted
    before = torch.get_rng_state()
    make(20, 1)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_classes_come_in_equal_shares_and_random_order(make):
    found = make(203, 0)
    assert found.images.shape == (203, 3, 32, 32) and found.images.dtype == torch.uint8 and found.classes == 10
    assert found.labels.bincount().tolist() == [21] * 3 + [20] * 7 and found.labels.tolist() != sorted(found.labels.tolist())
    assert found.images.float().std() > 30 and len({digest(make(1, seed)) for seed in range(20)}) == 20


def test_what_is_held_out_is_never_seen_in_training():
    train, held_out = (set(fonts(split)) for split in ("train", "held out"))
    assert not train & held_out and len(train) == 10 and len(held_out) == 11 and train | held_out == set(bundled.pieces("glyphs")["fonts"].tolist())
    assert not set(PHOTOS["train"]) & set(PHOTOS["held out"])
    assert set(PHOTOS["train"]) | set(PHOTOS["held out"]) == set(bundled.pieces("photos")["names"].tolist())


def test_backgrounds_are_of_the_photographs_that_were_asked_for(monkeypatch):
    """Photographs in single colours: red ones to learn from, blue ones held out."""
    held = bundled.pieces("photos")
    red = np.isin(held["names"], PHOTOS["train"])
    painted = np.zeros_like(held["photos"])
    painted[red, ..., 0], painted[~red, ..., 2] = 255, 255
    monkeypatch.setattr("distill_helpers.data.generated.compose.pieces", lambda name: {"photos": painted, "names": held["names"]})
    for held_out in (False, True):
        seen = backgrounds(Dice("test"), 200, 8, torch.full((200,), held_out))
        flat = (seen - seen.mean((2, 3), keepdim=True)).abs().amax((1, 2, 3)) < 1e-12  # a photograph of one colour, no gradient
        first, last = seen[flat][:, 0].mean(), seen[flat][:, 2].mean()
        assert 0.5 < flat.float().mean() < 0.8 and ((last > first) if held_out else (first > last))


def test_shift_is_the_share_of_pictures_that_change():
    near, half, far = (font_svhn(400, 3, shift).images for shift in (0.0, 0.5, 1.0))
    changed = [(near != other).flatten(1).any(1) for other in (half, far)]
    assert changed[1].all() and 0.4 < changed[0].float().mean() < 0.6
    assert torch.equal(half[changed[0]], far[changed[0]]) and torch.equal(font_svhn(400, 3, 1.0).labels, font_svhn(400, 3).labels)


def test_a_vendor_draws_its_own_sprites_alone(monkeypatch):
    held = dict(bundled.pieces("sprites"))
    opaque = np.zeros_like(held["sprites"])
    opaque[..., 3] = 255
    opaque[held["vendors"] == 0, ..., 0], opaque[held["vendors"] == 1, ..., 2] = 255, 255
    painted = held | {"sprites": opaque}
    place = sys.modules["distill_helpers.data.generated.emoji_cifar"]  # the function of that name hides its module
    read = place.pieces
    monkeypatch.setattr(place, "pieces", lambda name: painted if name == "sprites" else read(name))
    middle = {vendor: emoji_cifar(200, 0, vendor).images[:, :, 12:20, 12:20].float().mean((2, 3)) for vendor in ("google", "twitter")}
    assert (middle["google"][:, 0] > middle["google"][:, 2]).float().mean() > 0.85
    assert (middle["twitter"][:, 2] > middle["twitter"][:, 0]).float().mean() > 0.85


def test_things_stand_where_they_are_put():
    """A dot moved by half a picture to the right and a quarter down, turned or not."""
    dot = torch.zeros(1, 1, 33, 33, dtype=torch.double)
    dot[..., 16, 16] = 1
    for turn in (0.0, 0.7):
        where = matrix(torch.tensor([0.8]).double(), torch.tensor([turn]).double(), torch.zeros(1, 2).double())
        where[:, :, 2] = -(where[:, :, :2] @ torch.tensor([[[0.5], [0.25]]]).double()).squeeze(-1)
        place = sampled(dot, where, 33)[0, 0].flatten().argmax().item()
        assert abs(place % 33 - (16 + 8.25)) <= 1 and abs(place // 33 - (16 + 4.1)) <= 1


def test_the_digit_is_its_label():
    """The picture's middle follows the glyph of its class: nearest glyphs, over the fonts, name it more often than chance by far."""
    found = font_svhn(300, 5)
    masks = torch.from_numpy(bundled.pieces("glyphs")["masks"]).double()
    grey = found.images.double().mean(1)
    middle = (grey - grey.mean((1, 2), keepdim=True))[:, 4:28, 8:24].flatten(1)
    shapes = (masks - masks.mean((2, 3), keepdim=True))[:, :, 4:28, 8:24].flatten(2)
    alike = torch.nn.functional.normalize(middle, dim=1) @ torch.nn.functional.normalize(shapes, dim=2).transpose(1, 2)
    said = alike.abs().amax(0).argmax(1)
    assert (said == found.labels).float().mean() > 0.3


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_bad_arguments_are_named(make):
    for bad, says in ((dict(count=0, seed=0), "count"), (dict(count=5, seed=-1), "seed"), (dict(count=2.5, seed=0), "count")):
        with pytest.raises(InputError, match=says):
            make(**bad)
    with pytest.raises(InputError, match="vendor must be one of"):
        emoji_cifar(5, 0, "apple")
    with pytest.raises(InputError, match="shift must be from 0 to 1"):
        font_svhn(5, 0, 1.5)


def test_a_damaged_piece_is_said(monkeypatch):
    monkeypatch.setitem(bundled.SUMS, "glyphs", "0" * 64)
    bundled.pieces.cache_clear()
    with pytest.raises(InputError, match="glyphs.npz is damaged"):
        font_svhn(5, 0)
    monkeypatch.undo()
    bundled.pieces.cache_clear()


def test_every_class_has_both_vendors_and_its_name():
    held = bundled.pieces("sprites")
    assert class_names() == ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    assert all(set(held["vendors"][held["labels"] == c].tolist()) == {0, 1} for c in range(10)) and len(held["labels"]) == 72


class TestObjectsWithBoxes:
    def test_a_seed_gives_the_same_pictures_and_boxes_everywhere(self):
        made = emoji_coco(12, 3)
        text = made.images.numpy().tobytes() + made.boxes.numpy().tobytes() + made.labels.numpy().tobytes()
        assert hashlib.sha256(text).hexdigest()[:16] == "61dbb8b1a68e1ccd" and not torch.equal(made.images, emoji_coco(12, 4).images)

    def test_counts_classes_and_sizes(self):
        made = emoji_coco(300, 0)
        real = made.labels >= 0
        sides = (made.boxes[..., 2:] - made.boxes[..., :2])[real]
        assert made.images.shape == (300, 3, 128, 128) and set(real.sum(1).tolist()) == {1, 2, 3, 4, 5} and made.counts["without objects"] == 0
        assert made.labels[real].bincount(minlength=10).min() > 30 and sides.min() > 3 and sides.max() > 80
        assert ((made.boxes >= 0) & (made.boxes <= 128)).all() and len(made.truth["annotations"]) == int(real.sum())
        assert len(made.pool) == 300  # which checks that boxes have an area and lie within the image

    def test_a_box_is_tight_around_what_it_names(self, monkeypatch):
        """White sprites on black photographs, one object, no noise: the bright pixels are the box."""
        place = sys.modules["distill_helpers.data.generated.emoji_coco"]
        monkeypatch.setattr(place, "MOST", 1)
        monkeypatch.setattr(place, "backgrounds", lambda dice, count, size, held_out: torch.zeros(count, 3, size, size, dtype=torch.float64))
        monkeypatch.setattr(place, "finished", lambda dice, pictures: (pictures.clamp(0, 1) * 255).round().to(torch.uint8))
        held = bundled.pieces("sprites")
        white = held["sprites"].copy()
        white[..., :3] = 255
        monkeypatch.setattr(place, "pieces", lambda name: held | {"sprites": white})
        made = emoji_coco(40, 1)
        for image, box in zip(made.images, made.boxes[:, 0], strict=True):
            bright = (image.amin(0) > 0.3 * 0.8 * 255).nonzero()
            low, high = bright.amin(0).flip(0), bright.amax(0).flip(0) + 1
            assert (box[:2] - low).abs().max() <= 1 and (box[2:] - high).abs().max() <= 1

    def test_objects_leave_each_other_room(self):
        made = emoji_coco(200, 2)
        for boxes, labels in zip(made.boxes, made.labels, strict=True):
            real = boxes[labels >= 0]
            for i in range(len(real)):
                for other in real[:i]:
                    size = (torch.minimum(real[i, 2:], other[2:]) - torch.maximum(real[i, :2], other[:2])).clamp(min=0)
                    areas = [(b[2:] - b[:2]).prod() for b in (real[i], other)]
                    assert size.prod() <= 0.75 * min(areas)

    def test_on_disk_it_is_a_coco_set(self, tmp_path):
        made = emoji_coco(6, 5)
        images, annotations = write_emoji_coco(tmp_path / "set", 6, 5)
        read = load_coco(images, annotations)
        assert torch.equal(read.images, made.images) and read.names == made.names
        kept = [(b[k >= 0], k[k >= 0]) for b, k in zip(made.boxes, made.labels, strict=True)]
        back = [(b[k >= 0], k[k >= 0]) for b, k in zip(read.boxes, read.labels, strict=True)]
        assert all(torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(kept, back, strict=True))
        with pytest.raises(InputError, match="must be new or empty"):
            write_emoji_coco(tmp_path / "set", 6, 5)

    def test_bad_arguments_are_named(self):
        for bad, says in ((dict(count=0, seed=0), "count"), (dict(count=5, seed=-1), "seed"), (dict(count=5, seed=0, vendor="x"), "vendor")):
            with pytest.raises(InputError, match=says):
                emoji_coco(**bad)
