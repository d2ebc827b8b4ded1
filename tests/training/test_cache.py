"""The teacher's cache: the same question hits, any other misses, and damage is said and mended."""

import copy
import warnings

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from distill_helpers.data import ImageSet, make_views
from distill_helpers.models import BigMLP, PlainPerceptron
from distill_helpers.training import Teacher, cache, stores
from distill_helpers.training import teacher as teacher_module
from distill_helpers.training.by_value import short_hash
from distill_helpers.training.identity import identity


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
    monkeypatch.setattr(teacher_module, "code_of", lambda name: "another version of the code")
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


class Base(nn.Module):
    def act(self, h):
        return h.relu()


class Part(Base):
    """A net whose answers hang on an attribute, a buffer that is not saved, its base class, a list, and a global."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.head = nn.Linear(64, 8), nn.Linear(8, 5)
        self.power, self.steps = 1.0, [1.0]
        self.register_buffer("shift", torch.zeros(8), persistent=False)

    def forward(self, x):
        return self.head(WAYS["now"](self.act(self.linear(x.flatten(1)) + self.shift) * self.power * self.steps[0]))


WAYS = {"now": lambda h: h}


def other_attribute(net, monkeypatch):
    net.power = 2.0


def other_list(net, monkeypatch):
    net.steps[0] = 2.0


def other_buffer(net, monkeypatch):
    net.shift += 1


def other_hook(net, monkeypatch):
    net.linear.register_forward_hook(lambda module, inputs, output: output + 1)


def other_pre_hook(net, monkeypatch):
    net.linear.register_forward_pre_hook(lambda module, inputs: (inputs[0] * 2,))


def other_base(net, monkeypatch):
    monkeypatch.setattr(Base, "act", lambda self, h: h.tanh())


def other_forward(net, monkeypatch):
    net.forward = lambda x: net.head(net.linear(x.flatten(1)))


def other_type(net, monkeypatch):
    net.bfloat16()


CHANGES = [other_attribute, other_list, other_buffer, other_hook, other_pre_hook, other_base, other_forward, other_type]


@pytest.mark.parametrize("change", CHANGES, ids=lambda f: f.__name__)
def test_what_changes_the_answers_changes_the_key(change, pool, tmp_path, monkeypatch):
    net = Part()
    first = ask(net, pool, tmp_path)
    known = identity(net)
    assert identity(Part()) == known and torch.equal(ask(Part(), pool, tmp_path).table.logits, first.table.logits) and len(files(tmp_path)) == 1
    change(net, monkeypatch)
    assert identity(net) != known
    again = ask(net, pool, tmp_path)
    assert not torch.equal(again.table.logits, first.table.logits) and len(files(tmp_path)) == 2


def test_the_key_holds_what_the_module_measurably_answers(pool, tmp_path, monkeypatch):
    """What no text shows, here a global that the forward looks up, is found by asking."""
    first = ask(Part(), pool, tmp_path)
    known = identity(Part())
    monkeypatch.setitem(WAYS, "now", lambda h: h * 3)
    again = ask(Part(), pool, tmp_path)
    assert identity(Part()) == known
    assert not torch.equal(again.table.logits, first.table.logits) and len(files(tmp_path)) == 2


def test_equal_weights_of_another_activation_miss(pool, tmp_path):
    nets = [PlainPerceptron(64, 8, 5, kind) for kind in ("relu", "tanh")]
    nets[1].load_state_dict(nets[0].state_dict())
    found = [ask(net, pool, tmp_path).table.logits for net in nets]
    assert (found[0] - found[1]).abs().max() > 0.01 and len(files(tmp_path)) == 2


def test_store_outputs_and_features_are_part_of_the_key_and_labels_are_not(pool, toy_teacher, tmp_path):
    for store in ("memory", "half", "mapped", stores.TopK(2), stores.TopK(3), stores.TopK(3, tail=False)):
        Teacher(toy_teacher).over(pool, cache=tmp_path, store=store)
    for outputs in (lambda out: out.logits * 2, lambda out: out.logits * 3):
        Teacher(toy_teacher, outputs=outputs).over(pool, cache=tmp_path)
    assert len(files(tmp_path)) == 8
    ask(toy_teacher, pool.without_labels(), tmp_path)
    assert len(files(tmp_path)) == 8


def test_looking_for_the_key_moves_no_generator(pool, toy_teacher, tmp_path):
    state = torch.get_rng_state()
    net = nn.Sequential(toy_teacher, nn.Identity())
    net.forward = lambda x: toy_teacher(x) + torch.zeros(5)
    ask(toy_teacher, pool, tmp_path)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("store", ["memory", "mapped", "half"])
def test_a_cache_that_cannot_be_written_is_said_once_and_done_without(store, pool, toy_teacher, tmp_path):
    folder = tmp_path / f"taken {store}"
    folder.write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="cannot be kept in .*taken") as caught:
        found = Teacher(toy_teacher).over(pool, cache=folder, store=store)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Teacher(toy_teacher).over(pool, ("hidden1",), cache=folder, store=store)
    wanted = Teacher(toy_teacher).over(pool, cache=None).table.logits
    torch.testing.assert_close(found.column("logits"), wanted, atol=1e-3, rtol=1e-3)


def test_a_full_disk_is_a_cache_that_cannot_be_written(pool, toy_teacher, tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "free_disk", lambda folder: 100)
    with pytest.warns(UserWarning, match=r"cannot be kept in .* \(they take 1.6 kB, and 100 B are free\)"):
        ask(toy_teacher, pool, tmp_path)
    assert not files(tmp_path)


def test_a_damaged_mapped_file_is_rebuilt(pool, toy_teacher, tmp_path):
    whole = Teacher(toy_teacher).over(pool, cache=tmp_path, store="mapped").column("logits").clone()
    path = files(tmp_path)[0]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="rebuilt"):
        again = Teacher(toy_teacher).over(pool, cache=tmp_path, store="mapped")
    assert torch.equal(again.column("logits"), whole)


def test_values_have_a_hash_of_their_own():
    net = Part()
    values = [1, 1.0, True, None, "1", [1], (1,), {"a": 1}, {"a": 2}, {1}, torch.ones(2), torch.ones(2).double(), net,
              copy.deepcopy(net).double(), len, Part,
              [[[[[1]]]]], [[[[[2]]]]], torch.zeros(3).numpy(), torch.ones(3).numpy(), lambda x: x + 1, lambda x: x + 2]  # fmt: skip
    assert len({short_hash(value) for value in values}) == len(values)
    assert short_hash(net) == short_hash(Part()) and short_hash({"a": [net]}) == short_hash({"a": [Part()]})
    loop = []
    loop.append(loop)
    assert short_hash(loop) == short_hash(loop)
