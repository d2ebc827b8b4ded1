"""What a forward may give, and features of modules that know nothing of them."""

import copy
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.models import BigMLP, FeatureDict, Outputs, outputs_of, with_features, with_outputs
from distill_helpers.models.outputs import checked_outputs, unwrapped

X = torch.randn(3, 4, generator=torch.Generator().manual_seed(0))


class Gives(nn.Module):
    """A linear layer whose answer comes in a form of its own."""

    def __init__(self, form, out=5):
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.form = nn.Linear(4, out), form

    def forward(self, x):
        return self.form(self.layer(x))


class Answer(NamedTuple):
    logits: torch.Tensor
    aux: torch.Tensor


class Hugging(dict):
    """As the outputs of Hugging Face models are: a dict with attributes."""

    __getattr__ = dict.get


TAKEN = {
    "tensor": lambda t: t,
    "Outputs": lambda t: Outputs(t, FeatureDict(h=t)),
    "Outputs with a plain dict": lambda t: Outputs(t, {"h": t}),
    "Hugging Face": lambda t: Hugging(loss=None, logits=t, hidden_states=(t, t)),
    "object": lambda t: type("Result", (), {"logits": t})(),
    "dict": lambda t: {"logits": t, "embedding": t[:, :2]},
    "tuple": lambda t: (t, t[:, :2]),
    "list": lambda t: [t, None],
    "two answers by name": lambda t: Answer(t, t + 1),
}
REFUSED = {
    "nothing": (lambda t: None, "gave a NoneType"),
    "a word": (lambda t: "a", "gave a str"),
    "dict without logits": (lambda t: {"out": t}, "a dict with the keys 'out'"),
    "two heads": (lambda t: (t, t + 1), "entries 0 and 1 are tensors of one shape"),
    "empty tuple": (lambda t: (), "a tuple of 0"),
    "loss first": (lambda t: (t.sum(), t), r"must be \[B, C\], but \[\] was given"),
    "no classes": (lambda t: t[:, 0], r"must be \[B, C\], but \[3\] was given"),
    "indices": (lambda t: t.argmax(-1, keepdim=True), "floating-point tensor, but torch.int64"),
    "logits that are no tensor": (lambda t: {"logits": 3}, "floating-point tensor, but int"),
    "maps without an axis": (lambda t: t[:, :, None, None].expand(-1, -1, 8, 8), "class_axis"),
}


@pytest.mark.parametrize("form", TAKEN.values(), ids=TAKEN)
def test_these_forms_are_taken(form):
    module = Gives(form)
    out = outputs_of(module, X)
    assert torch.equal(out.logits, module.layer(X)) and type(out.features) is FeatureDict
    state = {name: t * 2 for name, t in module.state_dict().items()}
    torch.testing.assert_close(outputs_of(module, X, state).logits, 2 * module.layer(X))


@pytest.mark.parametrize(("form", "words"), REFUSED.values(), ids=REFUSED)
def test_other_forms_are_refused_with_advice(form, words):
    with pytest.raises(InputError, match=words) as caught:
        outputs_of(Gives(form), X)
    assert "with_outputs(" in str(caught.value)


def test_a_function_says_where_the_logits_are():
    module = Gives(lambda t: (t, t + 1))
    found = with_outputs(module, lambda given: given[1])
    assert torch.equal(outputs_of(found, X).logits, module.layer(X) + 1)
    assert torch.equal(found(X), module.layer(X) + 1)  # called as it is, a module of this package gives logits
    named = with_outputs(BigMLP(4, 8, 2, 5), lambda given: given.logits * 2)
    assert set(outputs_of(named, X).features) == {"hidden1", "hidden2"}
    for call, words in (
        (lambda: with_outputs(module), "neither was given"),
        (lambda: with_outputs(module, 3), "outputs must be a function"),
        (lambda: with_outputs(lambda x: x, len), "module must be a torch.nn.Module"),
    ):
        with pytest.raises(InputError, match=words):
            call()


class Maps(nn.Module):
    """A net for every pixel, [B, 5, 8, 8]."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 5, 1)

    def forward(self, x):
        return self.conv(x)


def test_classes_on_another_axis_are_moved_last():
    x, module = torch.randn(2, 1, 8, 8), Maps()
    plain, wanted = copy.deepcopy(module), module(x).movedim(1, -1)
    module.class_axis = 1
    assert torch.equal(outputs_of(module, x).logits, wanted)
    assert torch.equal(outputs_of(nn.DataParallel(module), x).logits, wanted)
    assert torch.equal(outputs_of(with_features(module, {"h": "conv"}), x).logits, wanted)
    assert torch.equal(outputs_of(with_outputs(plain, class_axis=1), x).logits, outputs_of(module, x).logits)
    module.class_axis = -1
    assert torch.equal(outputs_of(module, x).logits, module(x))
    for axis in (0, 4, -4, "C", True):
        module.class_axis = axis
        with pytest.raises(InputError, match="class_axis of Maps must be an axis"):
            outputs_of(module, x)
    sequence = Gives(lambda t: t.unsqueeze(1).expand(-1, 6, -1))
    assert outputs_of(sequence, X).logits.shape == (3, 6, 5)


def test_only_a_later_parameter_called_features_asks_for_features():
    class First(nn.Module):
        def forward(self, features):
            return features

    class Keyword(nn.Module):
        def forward(self, x, *, features=False):
            return Outputs(x, FeatureDict(h=x)) if features else x

    assert torch.equal(outputs_of(First(), X).logits, X)
    assert set(outputs_of(Keyword(), X).features) == {"h"}
    patched = Gives(lambda t: t)
    patched.forward = Keyword().forward
    assert set(outputs_of(patched, X).features) == {"h"}
    compiled = torch.compile(BigMLP(4, 8, 2, 5), backend="eager")
    assert set(outputs_of(compiled, X).features) == {"hidden1", "hidden2"} and type(unwrapped(nn.DataParallel(compiled))) is BigMLP


def test_inputs_that_do_not_fit_are_said_with_torchs_words():
    with pytest.raises(InputError, match=r"student cannot take inputs of shape \(7,\) \(torch.float32\): .*shapes cannot be multiplied"):
        checked_outputs("student", Gives(lambda t: t), torch.ones(2, 7))
    with pytest.raises(InputError, match="must give logits"):  # the rule is no matter of shapes
        checked_outputs("student", Gives(lambda t: None), X)


class Net(nn.Module):
    """A small convolutional net with layers that work in place, one used twice, one never, one that gives a pair."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        self.twice, self.never, self.pair = nn.Identity(), nn.Linear(1, 1), nn.LSTM(4, 4, batch_first=True)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        h = self.act(self.norm(self.conv(x)))
        h = self.twice(self.twice(h))
        return self.head(self.pair(h.flatten(2).mT)[0][:, -1])


def test_features_of_any_module():
    torch.manual_seed(0)
    net, x = Net().eval(), torch.randn(2, 1, 6, 6)
    named = with_features(net, {"normed": "norm", "last": ("pair", lambda out: out[0][:, -1]), "all": lambda given: given * 2})
    out = outputs_of(named, x)
    assert torch.equal(out.logits, net(x)) and torch.equal(named(x), net(x))
    assert torch.equal(out.features["normed"], net.norm(net.conv(x))), "what is done in place later does not count"
    assert torch.equal(net.head(out.features["last"]), out.logits) and torch.equal(out.features["all"], 2 * out.logits)
    assert list(out.features) == ["normed", "last", "all"]
    slope = torch.autograd.grad(out.logits.sum(), out.features["normed"])[0]
    assert slope.abs().max() > 0, "a feature lies on the way to the logits"
    assert not net.norm._forward_hooks and not net.pair._forward_hooks


def test_named_features_stack_copy_and_load():
    nets = [with_features(nn.Sequential(nn.Flatten(), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5)), {"h": "1"}) for _ in range(3)]
    params, buffers = stack_module_state(nets)
    call = vmap(lambda p, b, x: outputs_of(nets[0], x, {**p, **b}), in_dims=(0, 0, None))
    out = call(params, buffers, X)
    for i, net in enumerate(nets):
        one = outputs_of(net, X)
        torch.testing.assert_close(out.logits[i], one.logits)
        torch.testing.assert_close(out.features["h"][i], one.features["h"])
    twin = copy.deepcopy(nets[0])
    with torch.no_grad():
        twin.module[1].weight.zero_()
    assert not torch.equal(outputs_of(twin, X).features["h"], outputs_of(nets[0], X).features["h"]), "a copy looks into itself"
    plain = nets[0].module
    assert {f"module.{name}" for name in plain.state_dict()} == set(nets[0].state_dict())
    nets[1].module.load_state_dict(plain.state_dict())
    torch.testing.assert_close(nets[1](X), plain(X))
    assert functional_call(nets[0], dict(nets[0].state_dict()), (X,)).shape == (3, 5)


def test_wrappers_around_wrappers_and_features_of_its_own():
    net = with_features(with_outputs(BigMLP(4, 8, 2, 5), lambda given: given.logits + 1), {"pre": "hidden.0"})
    out = outputs_of(net, X)
    assert set(out.features) == {"hidden1", "hidden2", "pre"} and torch.equal(out.features["pre"].relu(), out.features["hidden1"])
    with pytest.raises(InputError, match="feature 'hidden1' is given by the module already"):
        outputs_of(with_features(BigMLP(4, 8, 2, 5), {"hidden1": "head"}), X)


BAD_FEATURES = {
    "no such submodule": ({"h": "nrm"}, "submodule 'nrm' does not exist in Net; near names are 'norm'"),
    "called twice": ({"h": "twice"}, "'twice' is called more than once"),
    "never called": ({"h": "never"}, "'never' is never called"),
    "no tensor": ({"h": "pair"}, "feature 'h' must be a tensor, but the submodule 'pair' gave tuple"),
    "function without a tensor": ({"h": lambda given: 3}, "but the function gave int"),
    "logits": ({"logits": "conv"}, "other than \"logits\""),
    "no name": ({"": "conv"}, "must be named by words"),
    "nothing": ({}, "features must be a dict"),
    "a list": (["conv"], "features must be a dict"),
    "a module": ({"h": nn.ReLU()}, "must be a submodule's path"),
    "the module itself": ({"h": ""}, "submodule '' does not exist"),
}


@pytest.mark.parametrize(("features", "words"), BAD_FEATURES.values(), ids=BAD_FEATURES)
def test_features_that_cannot_be_had(features, words):
    with pytest.raises(InputError, match=words):
        outputs_of(with_features(Net(), features), torch.randn(2, 1, 6, 6))


def test_a_resnet_of_torchvision():
    torchvision = pytest.importorskip("torchvision")
    net = torchvision.models.resnet18(num_classes=5).eval()
    x = torch.randn(2, 3, 32, 32)
    out = outputs_of(with_features(net, {"maps": "layer4", "pre": "bn1", "pooled": ("avgpool", lambda t: t.flatten(1))}), x)
    torch.testing.assert_close(net.fc(out.features["pooled"]), net(x))
    assert out.features["maps"].shape == (2, 512, 1, 1) and (out.features["pre"] < 0).any()
    with pytest.raises(InputError, match="called more than once"):
        outputs_of(with_features(net, {"h": "layer1.0.relu"}), x)
