"""Generated sets on disk: the same as made anew, one file for each set of arguments and code, and damaged files made anew."""

import dataclasses
import warnings

import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.data import emoji_blocks, emoji_cifar, emoji_coco, emoji_imagenet, font_svhn, load_digits
from distill_helpers.training import kept_pictures as place
from distill_helpers.training.kept_pictures import kept_pictures


def files(folder):
    return sorted(folder.rglob("*.safetensors"))


def same(a, b):
    held = [{f.name: getattr(s, f.name) for f in dataclasses.fields(s)} for s in (a, b)]
    alike = lambda x, y: torch.equal(x, y) and x.dtype == y.dtype if isinstance(x, torch.Tensor) else type(x) is type(y) and x == y
    return type(a) is type(b) and held[0].keys() == held[1].keys() and all(alike(held[0][k], held[1][k]) for k in held[0])


@pytest.fixture
def never_made(monkeypatch):
    """Ends the test when something is made: what is wanted lies on the disk."""

    def forbid():
        for name in ("emoji_imagenet", "emoji_cifar", "emoji_coco", "font_svhn"):
            module = __import__(f"distill_helpers.data.generated.{name}", fromlist=["_"])
            monkeypatch.setattr(module, "Dice", lambda *parts: pytest.fail("it was made again"))

    return forbid


@pytest.mark.parametrize(("make", "changes"), [(emoji_imagenet, {"classes": 7, "size": 16}), (emoji_cifar, {"vendor": "google"}), (emoji_coco, {}),
                                               (font_svhn, {"shift": 0.5})], ids=lambda x: getattr(x, "__name__", ""))  # fmt: skip
def test_what_is_kept_is_what_is_made(make, changes, tmp_path, monkeypatch, never_made):
    wanted = make(12, 3, **changes)
    monkeypatch.setenv("DISTILL_CACHE", str(tmp_path))
    first = kept_pictures(make, 12, 3, **changes)
    assert len(files(tmp_path / "pictures")) == 1 and same(first, wanted)
    never_made()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = kept_pictures(make, seed=3, count=12, **changes)  # the same arguments, said in another way
    assert same(again, wanted)


def test_other_arguments_other_code_and_other_generators_have_files_of_their_own(tmp_path, monkeypatch):
    make = lambda *given, **named: kept_pictures(*given, cache=tmp_path, **named)
    make(emoji_cifar, 5, 0), make(emoji_cifar, 6, 0), make(emoji_cifar, 5, 1), make(emoji_cifar, 5, 0, "google"), make(emoji_coco, 5, 0)
    assert len(files(tmp_path)) == 5
    make(emoji_cifar, 5, 0, vendor="both", held_out_photos=False)  # what it is without being said
    assert len(files(tmp_path)) == 5
    monkeypatch.setattr(place, "code_of", lambda module: "other code")
    make(emoji_cifar, 5, 0)
    assert len(files(tmp_path)) == 6


@pytest.mark.parametrize("how", ["one bit", "cut off", "empty", "another kind"])
def test_a_damaged_file_is_said_and_made_anew(how, tmp_path):
    wanted = kept_pictures(emoji_imagenet, 5, 0, 7, size=16, cache=tmp_path)
    (path,) = files(tmp_path)
    good = path.read_bytes()
    at = len(good) - 100
    damaged = {"one bit": good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], "cut off": good[:-50], "empty": b"", "another kind": b"words" * 99}
    path.write_bytes(damaged[how])
    with pytest.warns(UserWarning, match=f"{path.name} are damaged; they are made anew") as said:
        again = kept_pictures(emoji_imagenet, 5, 0, 7, size=16, cache=tmp_path)
    assert said[0].filename == __file__ and same(again, wanted) and path.read_bytes() == good


def test_without_a_folder_nothing_is_kept(tmp_path, monkeypatch):
    monkeypatch.delenv("DISTILL_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    wanted = emoji_cifar(5, 0)
    assert same(kept_pictures(emoji_cifar, 5, 0), wanted) and same(kept_pictures(emoji_cifar, 5, 0, cache=None), wanted)
    assert not list(tmp_path.iterdir())


def test_where_nothing_can_be_written_the_set_is_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    wanted = emoji_cifar(5, 0)
    with pytest.warns(UserWarning, match="cannot be kept in .* in memory"):
        assert same(kept_pictures(emoji_cifar, 5, 0, cache=tmp_path / "file"), wanted)
    monkeypatch.setattr(place, "free_disk", lambda folder: 10)
    with pytest.warns(UserWarning, match="they take 15.4 kB, and 10 B are free"):
        assert same(kept_pictures(emoji_cifar, 5, 0, cache=tmp_path / "full"), wanted)
    assert not files(tmp_path)


@pytest.mark.parametrize(("make", "given", "says"), [
    (load_digits, (), "make must be a generator of pictures of this package, such as emoji_imagenet, but load_digits"),
    ("emoji", (5, 0), "make must be a generator"), (lambda: None, (), "make must be a generator"), (emoji_blocks, (5, 0), "emoji_blocks was given"),
    (emoji_cifar, (5,), "arguments must be those of emoji_cifar, but there is .*'seed'"), (emoji_cifar, (0, 0), "count must be at least 1"),
])  # fmt: skip
def test_bad_arguments_are_named(make, given, says, tmp_path):
    with pytest.raises(InputError, match=says):
        kept_pictures(make, *given, cache=tmp_path)
    assert not files(tmp_path)
