"""Files: written whole or not at all, every byte checked when they are read, and weights that come back as they were."""

import os

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.models import BigMLP, with_features
from distill_helpers.training import files, load_weights, save_weights
from distill_helpers.training.files import DamagedFile, TensorWriter, map_tensors, read_json, read_tensors, write_json, write_tensors

SHARED = torch.arange(12.0).view(3, 4)
TENSORS = {
    "a": SHARED, "same": SHARED, "turned": SHARED.t(), "half": torch.tensor([1.5, -2.0, torch.nan]).half(), "bf16": torch.ones(3).bfloat16(),
    "double": torch.rand(2, 1, dtype=torch.double), "whole": torch.arange(5), "small": torch.arange(3).short(), "flag": torch.tensor([True]),
    "byte": torch.arange(7, dtype=torch.uint8), "number": torch.tensor(2.5), "empty": torch.empty(0, 3),
}  # fmt: skip
META = {"step": 3, "rate": 0.1, "names": ["a", None, True], "deep": {"x": [1, 2]}, "zeros": "0" * 64}


def small():
    torch.manual_seed(0)
    return BigMLP(6, 4, 1, 3)


def alike(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num())


@pytest.mark.parametrize("read", [read_tensors, map_tensors])
def test_what_is_read_is_what_was_written(read, tmp_path):
    path = write_tensors(tmp_path / "deep" / "er" / "file.safetensors", TENSORS, META)
    tensors, meta = read(path)
    assert list(tensors) == list(TENSORS) and meta == META
    assert all(alike(tensors[name], TENSORS[name]) for name in TENSORS)
    assert tensors["a"] is tensors["same"]
    assert os.listdir(path.parent) == ["file.safetensors"]
    from safetensors.torch import load_file

    assert alike(load_file(path)["turned"], TENSORS["turned"]), "other programs read it too"


def test_a_flipped_byte_anywhere_is_found(tmp_path):
    path = write_tensors(tmp_path / "file.safetensors", TENSORS, META)
    content = path.read_bytes()
    for place in range(len(content)):
        for flip in (0x01, 0x20, 0xFF):
            path.write_bytes(content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :])
            for read in (read_tensors, lambda p: read_tensors(p, foreign=True), map_tensors):
                with pytest.raises(DamagedFile, match=r"'file.safetensors' cannot be read: it is damaged"):
                    read(path)
    for cut in (0, 4, 8, 100, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(DamagedFile):
            read_tensors(path)
    path.write_bytes(content + b"\0")
    with pytest.raises(DamagedFile):
        read_tensors(path)


def test_json_is_checked_in_the_same_manner(tmp_path):
    content = {"a": [1, 2.5, float("inf"), None, True], "b": "ä\n", "c": {"d": 1e-30}}
    path = write_json(tmp_path / "deep" / "file.json", content)
    assert read_json(path) == content and os.listdir(path.parent) == ["file.json"]
    whole = path.read_bytes()
    for place in range(len(whole)):
        for flip in (0x01, 0x10, 0x20, 0xFF):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            with pytest.raises(DamagedFile):
                read_json(path)


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = write_tensors(tmp_path / "w.safetensors", {"a": torch.ones(2)})
    old = write_json(tmp_path / "j.json", 1)

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fails)
    for call in (lambda: write_tensors(path, {"a": torch.zeros(2)}), lambda: write_json(old, 2)):
        with pytest.raises(InputError, match="cannot be written: No space left on device"):
            call()
    assert read_tensors(path)[0]["a"].sum() == 2 and read_json(old) == 1 and sorted(os.listdir(tmp_path)) == ["j.json", "w.safetensors"]


BAD = {
    "no tensor": (lambda p: write_tensors(p, {"a": 3}), "'a' is int"),
    "a type without a name": (lambda p: write_tensors(p, {"a": torch.zeros(1, dtype=torch.complex64)}), "'a' is torch.complex64"),
    "a sparse tensor": (lambda p: write_tensors(p, {"a": torch.ones(2, 2).to_sparse()}), "must be dense tensors"),
    "meta of another kind": (lambda p: write_tensors(p, {}, {"a": torch.ones(1)}), "meta must hold numbers"),
    "content of another kind": (lambda p: write_json(p, {1, 2}), "content must hold numbers"),
    "no file": (lambda p: read_tensors(p), "does not exist"),
    "no mapped file": (lambda p: map_tensors(p), "does not exist"),
    "no JSON file": (lambda p: read_json(p), "does not exist"),
    "a folder that is a file": (lambda p: write_tensors(write_json(p, 1) / "x", {"a": SHARED}), "cannot be written"),
    "a folder in its place": (lambda p: read_tensors(p.parent), "cannot be read"),
}


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD)
def test_what_cannot_be_written_or_read(call, words, tmp_path):
    with pytest.raises(InputError, match=words):
        call(tmp_path / "file")


def test_rows_are_counted(tmp_path):
    shapes = {"a": ((4, 2), torch.float32), "b": ((4,), torch.float64)}
    with TensorWriter(tmp_path / "f", shapes) as writer:
        for i in range(2):  # in pieces, in any mixture
            writer.write("b", torch.full((2,), float(i), dtype=torch.double))
            writer.write("a", torch.full((2, 2), float(i)))
    assert torch.equal(read_tensors(tmp_path / "f")[0]["a"], torch.tensor([0.0, 0, 1, 1]).unsqueeze(1).expand(4, 2))
    for rows, words in ((torch.zeros(3, 2), "fewer"), (torch.zeros(5, 2), "more"), (torch.zeros(4, 2).double(), "must be torch.float32")):
        with pytest.raises(InputError, match=words), TensorWriter(tmp_path / "g", {"a": shapes["a"]}) as writer:
            writer.write("a", rows)
    assert os.listdir(tmp_path) == ["f"]


class Tied(nn.Module):
    """An embedding that is also the head."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(7, 3), nn.Linear(3, 7, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        return self.head(self.embedding(x).mean(1))


def test_tied_weights_are_saved_once_and_stay_tied(tmp_path):
    model, x = Tied(), torch.tensor([[0, 1], [2, 3]])
    path = save_weights(model, tmp_path / "w.safetensors")
    assert path.stat().st_size < 7 * 3 * 4 + 700
    other = load_weights(Tied(), path)
    assert torch.equal(other(x), model(x)) and other.head.weight is other.embedding.weight


def test_wrapped_models_are_saved_under_their_own_names(tmp_path):
    model = small()
    for wrapped in (nn.DataParallel(model), torch.compile(model, backend="eager")):
        path = save_weights(wrapped, tmp_path / "w.safetensors")
        assert set(read_tensors(path)[0]) == set(model.state_dict())
        other = small()
        torch.nn.init.zeros_(other.head.weight)
        load_weights(nn.DataParallel(other), path)
        assert torch.equal(other.head.weight, model.head.weight)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module."])
def test_a_prefix_is_named_and_stripped_on_request(prefix, tmp_path):
    model, path = small(), tmp_path / "w.safetensors"
    save_file({prefix + name: t for name, t in model.state_dict().items()}, path)
    with pytest.raises(InputError, match=rf"all begin with '{prefix}'.*strip_prefix=True"):
        load_weights(small(), path)
    other = small()
    torch.nn.init.zeros_(other.head.weight)
    assert torch.equal(load_weights(other, path, strip_prefix=True).head.weight, model.head.weight)


def test_weights_of_the_plain_module_go_into_the_wrapper(tmp_path):
    named, path = with_features(small(), {"h": "head"}), save_weights(small(), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match=r"load it by load_weights\(model.module, path\)"):
        load_weights(named, path)
    load_weights(named.module, path)
    load_weights(small(), save_weights(named, path), strip_prefix=True)


def test_differences_are_listed_on_both_sides(tmp_path):
    path = save_weights(BigMLP(6, 5, 2, 3), tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="another architecture") as caught:
        load_weights(small(), path)
    assert "only in the file: hidden.1.weight, hidden.1.bias" in str(caught.value)
    assert "hidden.0.weight is [4, 6] float32 in the model and [5, 6] float32 in the file" in str(caught.value)
    with pytest.raises(InputError, match="only in the model: hidden.1.weight"):
        load_weights(BigMLP(6, 4, 2, 3), save_weights(small(), path))
    other = small().state_dict()
    other["head.bias"] = torch.arange(3)
    save_file(other, path)
    with pytest.raises(InputError, match=r"head.bias is \[3\] float32 in the model and \[3\] int64 in the file"):
        load_weights(small(), path)


def test_damaged_weights_and_states_without_tensors_are_refused(tmp_path):
    path = save_weights(small(), tmp_path / "w.safetensors")
    content = bytearray(path.read_bytes())
    for place in np.linspace(0, len(content) - 1, 60).astype(int):
        spoilt = content.copy()
        spoilt[place] ^= 1
        path.write_bytes(spoilt)
        with pytest.raises(DamagedFile):
            load_weights(small(), path)

    class Odd(nn.Linear):
        def get_extra_state(self):
            return {"a": 1}

        def set_extra_state(self, state):
            pass

    with pytest.raises(InputError, match="'_extra_state' is dict"):
        save_weights(Odd(2, 2), path)
