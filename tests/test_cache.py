"""The teacher's cache: the same question hits, any other misses, and damage is said and mended."""

import warnings

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distill_helpers.data import ImageSet, make_views
from distill_helpers.models import BigMLP
from distill_helpers.training import Teacher
from distill_helpers.training import teacher as teacher_module


@pytest.fixture
def pool(toy_images):
    return make_views(toy_images, views=2, shift=1)


def ask(module, pool, folder, features=()):
    return Teacher(module).over(pool, features=features, cache=folder)


def files(folder):
    return sorted((folder / "teachers").glob("*.safetensors"))


def test_the_same_question_is_asked_once(pool, toy_teacher, tmp_path, monkeypatch):
    first = ask(toy_teacher, pool, tmp_path, ("hidden2",))
    monkeypatch.setattr(Teacher, "_ask", lambda *_: pytest.fail("the teacher was asked again"))
    again = ask(toy_teacher, pool, tmp_path, ("hidden2",))
    assert torch.equal(first.table.logits, again.table.logits)
    assert torch.equal(first.table.features["hidden2"], again.table.features["hidden2"])
    assert first.evaluations == again.evaluations == 2 * 40
    assert len(files(tmp_path)) == 1


def test_any_other_question_misses(pool, toy_images, toy_teacher, tmp_path, monkeypatch):
    ask(toy_teacher, pool, tmp_path)
    other = BigMLP(64, 32, 2, 5)
    other.load_state_dict(toy_teacher.state_dict())
    with torch.no_grad():
        other.head.bias[0] += 1e-6
    ask(other, pool, tmp_path)  # one weight by one part in a million
    images = toy_images.images.clone()
    images[7, 0, 3, 3] += 1
    ask(toy_teacher, make_views(ImageSet(images, toy_images.labels, 5, "toy"), 2, 1), tmp_path)  # one pixel
    ask(toy_teacher, make_views(toy_images, 2, 1, seed=1), tmp_path)  # other views
    ask(toy_teacher, pool, tmp_path, ("hidden1",))  # more features
    monkeypatch.setattr(teacher_module, "code_hash", lambda name: "another version of the code")
    ask(toy_teacher, pool, tmp_path)
    assert len(files(tmp_path)) == 6


@pytest.mark.parametrize("place", [0, 12, -1, 200])
def test_a_damaged_file_is_said_and_rebuilt(place, pool, toy_teacher, tmp_path):
    whole = ask(toy_teacher, pool, tmp_path)
    path = files(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[place] ^= 0xFF
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="rebuilt"):
        again = ask(toy_teacher, pool, tmp_path)
    assert torch.equal(whole.table.logits, again.table.logits)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask(toy_teacher, pool, tmp_path)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 2000))
def test_a_file_cut_short_is_never_trusted(cut, pool, toy_teacher, tmp_path):
    whole = ask(toy_teacher, pool, tmp_path)
    path = files(tmp_path)[0]
    content = path.read_bytes()
    if cut >= len(content):
        return
    path.write_bytes(content[:cut])
    with pytest.warns(UserWarning, match="rebuilt"):
        again = ask(toy_teacher, pool, tmp_path)
    assert torch.equal(whole.table.logits, again.table.logits)


def test_nothing_is_pickled(pool, toy_teacher, tmp_path):
    ask(toy_teacher, pool, tmp_path)
    assert {p.suffix for p in tmp_path.rglob("*") if p.is_file()} == {".safetensors"}
