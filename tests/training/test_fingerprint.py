"""The hash of code: prose may change, code may not, and only what is imported counts."""

import importlib
import sys

import pytest
import torch

from distill_helpers.checks import InputError
from distill_helpers.training import fingerprint
from distill_helpers.training.fingerprint import closure, code_hash, tensors_hash

FILES = {
    "__init__.py": "",
    "low.py": '"""Low."""\nX = 1\n',
    "other.py": "Y = 2\n",
    "room/__init__.py": "from distill_helpers.room.first import First\nfrom distill_helpers.room.second import Second\n",
    "room/first.py": "from distill_helpers.low import X\nclass First:\n    '''First.'''\n    x = X\n",
    "room/second.py": "class Second:\n    pass\n",
    "top.py": "from distill_helpers.room import First\ndef f():\n    '''Doc.'''\n    from distill_helpers import low\n    return First, low\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package of the same name, read from its files only."""
    root = tmp_path / "distill_helpers"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    found = type("Spec", (), {"origin": str(root / "__init__.py")})
    monkeypatch.setattr(fingerprint.importlib.util, "find_spec", lambda name: found)
    return root


def change(root, name, old, new):
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new))
    fingerprint._parsed.cache_clear()


def test_only_what_is_imported_counts(package):
    assert closure("distill_helpers.top") == {f"distill_helpers.{m}" for m in ("top", "room.first", "low")}


@pytest.mark.parametrize(
    ("name", "old", "new", "same"),
    [
        ("low.py", '"""Low."""', '"""Low, and a long story."""\n# a remark', True),
        ("top.py", "'''Doc.'''", "'''Better words.'''", True),
        ("low.py", "X = 1", "X = 10", False),
        ("room/first.py", "x = X", "x = X + 0", False),
        ("room/second.py", "pass", "z = 3", True),
        ("other.py", "Y = 2", "Y = 3", True),
    ],
)
def test_code_counts_and_prose_does_not(package, name, old, new, same):
    before = code_hash("distill_helpers.top")
    change(package, name, old, new)
    assert (code_hash("distill_helpers.top") == before) is same


def test_the_bare_package_cannot_be_followed(package):
    change(package, "top.py", "def f", "import distill_helpers\ndef f")
    with pytest.raises(InputError, match="not the bare package"):
        code_hash("distill_helpers.top")
    with pytest.raises(InputError, match="must be a module of"):
        code_hash("distill_helpers.nothing")


def test_the_real_package():
    found = closure("distill_helpers.course.lessons.soft_targets.records_regimes")
    assert {"distill_helpers.training.loop", "distill_helpers.strategies.outputs.soft_targets", "distill_helpers.data.digits"} <= found
    assert not any(name.startswith(("distill_helpers.show", "distill_helpers.course.verdicts")) for name in found)
    assert importlib.import_module("distill_helpers.training.loop") and "distill_helpers" in sys.modules


def test_tensors_hash_sees_everything():
    a = {"w": torch.arange(6.0), "b": torch.zeros(2)}
    base = tensors_hash(a)
    assert tensors_hash(dict(reversed(a.items()))) == base
    others = [
        a | {"w": torch.arange(6.0) + 1e-7}, a | {"w": torch.arange(6.0).view(2, 3)}, a | {"w": torch.arange(6.0).double()},
        {"v": a["w"], "b": a["b"]}, {"w": a["w"]},
    ]  # fmt: skip
    hashes = [tensors_hash(o) for o in others] + [tensors_hash(a, extra=["x"]), tensors_hash(a, extra=["x", ""])]
    assert len({base, *hashes}) == len(hashes) + 1
    assert tensors_hash({"w": torch.arange(6.0).view(2, 3).t()}) == tensors_hash({"w": torch.arange(6.0).view(2, 3).t().contiguous()})
