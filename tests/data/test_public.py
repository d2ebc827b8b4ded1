"""Public data sets in their formats on disk: small files as their authors write them, loaded, trained on and compared; and damaged ones."""

import hashlib
import pickle
import pickletools

import numpy as np
import pytest
import torch
from PIL import Image
from public_files import batch, pictures, write_cifar, write_folder, write_mnist, write_svhn
from scipy.io import savemat
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.comparison import compare
from distill_helpers.data import Stream, load_cifar10, load_cifar100, load_image_folder, load_mnist, load_svhn, make_views, write_folder_shards
from distill_helpers.data.public import cifar, class_names
from distill_helpers.data.public.image_folder import read_image
from distill_helpers.strategies import HardLabels, SoftTargets
from distill_helpers.training import Recipe, fit


def report(train, test):
    """A teacher, two arms over two replicates, and the table; the teacher must have learnt."""
    shape = train.images.shape[1:]
    classes = train.classes
    net = lambda width: nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(shape.numel() // 16, width), nn.ReLU(), nn.Linear(width, classes))
    torch.manual_seed(0)
    teacher, pool = net(32), make_views(train, views=2, shift=1)
    fit(teacher, pool, Recipe(steps=150, batch_size=16, lr=1e-2), progress=False)
    recipe = Recipe(steps=60, batch_size=16, lr=1e-2)
    found = compare(lambda: net(8), teacher, pool, {"labels": HardLabels(), "soft": SoftTargets()}, test=test, replicates=2, recipe=recipe,
                    progress=False)  # fmt: skip
    assert (teacher(test.x).argmax(-1) == test.labels).float().mean() > 0.9 > 2 / classes
    return found.table()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
def test_mnist(packed, tmp_path):
    images, labels = write_mnist(tmp_path, packed)
    write_mnist(tmp_path, packed, "test")
    train, test = (load_mnist(tmp_path, split, verify=False) for split in ("train", "test"))
    assert torch.equal(train.images[:, 0], torch.from_numpy(images)) and train.labels.tolist() == labels.tolist() and train.classes == 10
    assert list(report(train, test).arm) == ["labels", "soft"]


def test_svhn(tmp_path, monkeypatch):
    images, labels = write_svhn(tmp_path / "svhn")
    write_svhn(tmp_path / "svhn", "test")
    monkeypatch.setenv("DISTILL_DATA", str(tmp_path))
    train, test = (load_svhn(split=split, verify=False) for split in ("train", "test"))
    assert torch.equal(train.images, torch.from_numpy(images)) and train.labels.tolist() == labels.tolist() and 10 not in train.labels
    assert list(report(train, test).arm) == ["labels", "soft"]


@pytest.mark.parametrize("protocol", [2, 4])
def test_cifar(protocol, tmp_path):
    written = write_cifar(tmp_path, protocol=protocol)
    train, test = (load_cifar10(tmp_path, split, verify=False) for split in ("train", "test"))
    assert torch.equal(train.images, torch.from_numpy(np.concatenate([images for images, _ in written[:5]]))) and len(test) == 20
    assert train.labels.tolist() == 5 * (list(range(10)) * 2)
    assert list(report(train, test).arm) == ["labels", "soft"]
    write_cifar(tmp_path / "more", fine=True, protocol=protocol)
    assert load_cifar100(tmp_path / "more", verify=False).classes == 100


def test_folders_and_shards(tmp_path):
    train, val = write_folder(tmp_path / "train"), write_folder(tmp_path / "val", each=4)
    names = class_names(train)
    known, test = load_image_folder(train, 16), load_image_folder(val, 16, names)
    assert names == ("bee", "cat", "dog") and known.images.shape == (24, 3, 16, 16) and known.labels.tolist() == [0] * 8 + [1] * 8 + [2] * 8
    assert len(load_image_folder(train, 16, most=3)) == 9
    assert list(report(known, test).arm) == ["labels", "soft"]
    paths = write_folder_shards(train, tmp_path / "shards", 16, format="png", per_shard=10)
    stream = Stream(tmp_path / "shards", classes=3)
    assert len(paths) == 3 and len(stream) == 24
    seen = (stream.inputs(torch.zeros(24, dtype=torch.int64), torch.arange(24)) * 255).round().to(torch.uint8)
    order = np.random.default_rng(0).permutation(24)
    assert torch.equal(seen, known.images[order]) and torch.equal(stream.labels, known.labels[order]) and order.tolist() != list(range(24))


# ---- what is published is what is read


@pytest.mark.parametrize(("load", "write", "name"), [
    (load_mnist, lambda root: write_mnist(root, True), "train-images-idx3-ubyte.gz"), (load_svhn, lambda root: write_svhn(root), "train_32x32.mat"),
    (load_cifar10, write_cifar, "data_batch_1"), (load_cifar100, lambda root: write_cifar(root, True), "train"),
])  # fmt: skip
def test_another_file_than_the_published_one_is_refused(load, write, name, tmp_path):
    write(tmp_path)
    with pytest.raises(InputError, match=rf"{name} is not the file that was published.*verify=False"):
        load(tmp_path)


def test_the_published_file_is_taken(tmp_path, monkeypatch):
    write_svhn(tmp_path)
    from torchvision.datasets import SVHN

    md5 = hashlib.md5((tmp_path / "train_32x32.mat").read_bytes()).hexdigest()
    monkeypatch.setitem(SVHN.split_list, "train", ["", "train_32x32.mat", md5])
    assert len(load_svhn(tmp_path)) == 60


@pytest.mark.parametrize(("load", "name"), [(load_mnist, "train-images-idx3-ubyte"), (load_svhn, "train_32x32.mat"),
                                            (load_cifar10, "data_batch_1"), (load_cifar100, "train")])  # fmt: skip
def test_what_is_missing_is_named_with_the_way_to_get_it(load, name, tmp_path):
    with pytest.raises(InputError, match=rf"'{name}'.*is not there; give download=True"):
        load(tmp_path)


# ---- damaged files


def damage_mnist(root, how):
    images, labels = write_mnist(root, how == "gzip cut off")
    folder = root / "MNIST" / "raw"
    file = folder / "train-images-idx3-ubyte"
    if how == "cut off":
        file.write_bytes(file.read_bytes()[:-100])
    elif how == "too long":
        file.write_bytes(file.read_bytes() + b"more")
    elif how == "another magic":
        file.write_bytes(b"\0\0\x0d\3" + file.read_bytes()[4:])
    elif how == "empty":
        file.write_bytes(b"")
    elif how == "labels for images":
        file.write_bytes((folder / "train-labels-idx1-ubyte").read_bytes())
    elif how == "gzip cut off":
        packed = folder / "train-images-idx3-ubyte.gz"
        packed.write_bytes(packed.read_bytes()[:-100])
    elif how == "fewer labels":
        write_mnist(root, False, labels=labels[:50], images=images)
    elif how == "a label of 10":
        write_mnist(root, False, labels=np.where(labels == 3, 10, labels), images=images)


@pytest.mark.parametrize(("how", "says"), [
    ("cut off", "train-images-idx3-ubyte is cut off or too long"), ("too long", "cut off or too long"),
    ("another magic", "begins with 00 00 0d 03"),
    ("empty", "begins with nothing"), ("labels for images", "in 3 dimensions, but it begins with 00 00 08 01"),
    ("gzip cut off", r"ubyte.gz is damaged"), ("fewer labels", "60 images and 50 labels"), ("a label of 10", "labels-idx1.*but 10 was found"),
])  # fmt: skip
def test_damaged_mnist(how, says, tmp_path):
    damage_mnist(tmp_path, how)
    with pytest.raises(InputError, match=says):
        load_mnist(tmp_path, verify=False)


def test_damaged_svhn(tmp_path):
    images, labels = write_svhn(tmp_path)
    path = tmp_path / "train_32x32.mat"
    whole = path.read_bytes()
    cases = {
        "cannot be read": lambda: path.write_bytes(whole[: len(whole) // 2]),
        "train_32x32.mat must be a MATLAB file": lambda: path.write_bytes(b"no such thing"),
        r"X in .* must be uint8 \[32, 32, 3, N\]": lambda: savemat(path, {"X": images, "y": labels + 1}),
        "60 images and 30 labels": lambda: savemat(path, {"X": images.transpose(2, 3, 1, 0), "y": labels[:30] + 1}),
        "from 1 to 10, but int64 from 0 to 9": lambda: savemat(path, {"X": images.transpose(2, 3, 1, 0), "y": labels.astype(np.int64)}),
        "X and y, but": lambda: savemat(path, {"images": images}),
    }
    for says, write in cases.items():
        write()
        with pytest.raises(InputError, match=says):
            load_svhn(tmp_path, verify=False)


class Evil:
    def __reduce__(self):
        return print, ("this must not be said",)


def test_damaged_cifar_and_pickles_that_ask_for_more(tmp_path, capsys):
    images, labels = write_cifar(tmp_path)[0]
    path = tmp_path / "cifar-10-batches-py" / "data_batch_1"
    good = batch(images, labels, b"labels")
    cases = {
        "data_batch_1 is damaged": path.read_bytes()[:-2000],
        "asks for __builtin__.print": pickle.dumps({**good, b"labels": Evil()}, protocol=2),
        "asks for builtins.print": pickle.dumps({**good, b"labels": Evil()}, protocol=4),
        "must hold a dict with 'data'": pickle.dumps([1, 2], protocol=2),
        r"must be uint8 \[N, 3072\], but float64": pickle.dumps({**good, b"data": good[b"data"] / 255}, protocol=2),
        r"must be uint8 \[N, 3072\], but uint8 \[20, 1024\]": pickle.dumps({**good, b"data": good[b"data"][:, :1024]}, protocol=2),
        "20 images and 19 labels": pickle.dumps({**good, b"labels": good[b"labels"][:19]}, protocol=2),
        "from 0 to 9, but 0 to 12": pickle.dumps({**good, b"labels": [12, *good[b"labels"][1:]]}, protocol=2),
        "a list of whole numbers": pickle.dumps({**good, b"labels": [0.5] * 20}, protocol=2),
    }
    for says, content in cases.items():
        path.write_bytes(content)
        with pytest.raises(InputError, match=says):
            load_cifar10(tmp_path, verify=False)
    assert "this must not be said" not in capsys.readouterr().out


def test_what_may_be_built_from_a_pickle_is_no_more_than_arrays(tmp_path):
    written = pickle.dumps(batch(pictures([1], (3, 32, 32)), [1], b"labels"), 2)
    names = {arg.replace(" ", ".") for op, arg, _ in pickletools.genops(written) if op.name == "GLOBAL"}
    assert names <= {".".join(pair) for pair in cifar.ALLOWED} and len(cifar.ALLOWED) == 5


def test_damaged_folders(tmp_path):
    root = write_folder(tmp_path / "train")
    file = root / "cat" / "002.JPEG"
    for content in (file.read_bytes()[:300], b"", b"words"):
        file.write_bytes(content)
        with pytest.raises(InputError, match="002.JPEG cannot be read as an image"):
            load_image_folder(root, 16)
    file.unlink()
    (root / "empty").mkdir()
    with pytest.raises(InputError, match="empty must hold images"):
        load_image_folder(root, 16)
    (root / "empty" / "notes.txt").write_text("no image")
    with pytest.raises(InputError, match="empty must hold images"):
        class_names(root)
    val = write_folder(tmp_path / "val", ("bee", "cow"))
    with pytest.raises(InputError, match="class 'cow', which is not among the 3 classes"):
        load_image_folder(val, 16, ("bee", "cat", "dog"))
    with pytest.raises(InputError, match="one folder for each class, but"):
        load_image_folder(tmp_path / "nowhere", 16)
    bad = write_folder(tmp_path / "bad")
    (bad / "dog" / "007.JPEG").write_bytes(b"")
    with pytest.raises(InputError, match="007.JPEG"):
        write_folder_shards(bad, tmp_path / "out", 16)
    assert not (tmp_path / "out").exists() and not list(tmp_path.glob(".out*"))


def test_images_of_other_kinds_follow_the_rules(tmp_path):
    colour = np.zeros((40, 40, 3), np.uint8)
    colour[..., 0] = 200
    red = Image.fromarray(colour)
    as_png = tmp_path / "a.jpg"
    red.save(as_png, "PNG")
    assert read_image(as_png, 8)[0, 0].tolist() == [200, 0, 0]
    red.convert("L").save(tmp_path / "grey.png")
    assert len(set(read_image(tmp_path / "grey.png", 8)[0, 0].tolist())) == 1
    red.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=100)
    assert abs(int(read_image(tmp_path / "cmyk.jpg", 8)[4, 4, 0]) - 200) < 8
    clear = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    clear.save(tmp_path / "clear.png")
    palette = Image.new("P", (40, 40), 1)
    palette.putpalette([0, 0, 0, 200, 0, 0])
    palette.save(tmp_path / "palette.png", transparency=1)
    assert read_image(tmp_path / "clear.png", 8).min() == 255 and read_image(tmp_path / "palette.png", 8).min() == 255
    turned, exif = np.zeros((40, 80, 3), np.uint8), Image.Exif()
    turned[:, :40] = 255
    exif[0x0112] = 6
    Image.fromarray(turned).save(tmp_path / "exif.png", exif=exif)
    kept = read_image(tmp_path / "exif.png", 8)
    assert kept[0, 0, 0] > 200 > 55 > kept[0, -1, 0]  # bright on the left, as the file has it


def test_the_middle_is_cut_out_after_scaling(tmp_path):
    """64 by 32: the shorter side becomes 16, and the middle 14 of 32 by 16 are left."""
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 4, 32, 0).repeat(3, 2)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    row = read_image(tmp_path / "ramp.png", 14)[7, :, 0].astype(int)
    assert row.shape == (14,) and abs(row.mean() - 4 * 31.5) < 4 and 6 <= np.diff(row).mean() <= 10
