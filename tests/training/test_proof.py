"""Proved before the first step: what a student, a strategy and the data may be."""

from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import InputError
from distill_helpers.data import ArrayPool, TokenPool, from_dataset
from distill_helpers.models import BigMLP
from distill_helpers.strategies import Adversarial, Grid, HardLabels, Mixup, RandomTeacher, ShuffledTeacher, SoftTargets, Strategy
from distill_helpers.training import Diverged, Recipe, distill, fit
from distill_helpers.training.loop import Loop

SHORT = Recipe(steps=6, batch_size=8, lr=1e-2, check_every=3)


def same(a, b):
    return all(torch.equal(x, b.model(i).state_dict()[k]) for i in range(len(a)) for k, x in a.model(i).state_dict().items())


class Dropped(nn.Module):
    def __init__(self, how):
        super().__init__()
        self.first, self.last, self.how = nn.Linear(64, 12), nn.Linear(12, 5), how
        self.layer = nn.Dropout(0.5) if how == "layer" else None

    def forward(self, x):
        h = self.first(x.flatten(1)).relu()
        if self.how == "layer":
            h = self.layer(h)
        if self.how == "function":
            h = F.dropout(h, 0.5, self.training)
        if self.how == "by hand" and self.training:
            h = h * (torch.rand_like(h) > 0.5)
        return self.last(h)


class Attentive(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix, self.last = nn.MultiheadAttention(8, 2, dropout=0.3, batch_first=True), nn.Linear(8, 5)

    def forward(self, x):
        x = x.squeeze(1)
        return self.last(self.mix(x, x, x, need_weights=False)[0].mean(1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.read, self.last = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 5)

    def forward(self, x):
        return self.last(self.read(x.squeeze(1))[0][:, -1])


RANDOM = {"nn.Dropout": lambda: Dropped("layer"), "F.dropout": lambda: Dropped("function"), "torch.rand": lambda: Dropped("by hand"),
          "attention": Attentive}  # fmt: skip


@pytest.mark.parametrize("student", RANDOM.values(), ids=RANDOM)
def test_random_layers_follow_from_the_seed_alone(student, toy_images, toy_teacher):
    runs = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        runs.append(distill(student, toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=SHORT))
        assert torch.initial_seed() == noise
    single = distill(student, toy_teacher, toy_images, SoftTargets(), seeds=(1,), recipe=SHORT)
    assert same(*runs) and "random numbers" in runs[0].why_alone
    assert all(torch.equal(x, single.model(0).state_dict()[k]) for k, x in runs[0].model(1).state_dict().items())
    plain = distill(lambda: _still(student()), toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=SHORT)
    assert not same(runs[0], plain)  # the layers do drop something


def _still(module):
    for layer in module.modules():
        if hasattr(layer, "how"):
            layer.how = "none"
        if isinstance(layer, nn.MultiheadAttention):
            layer.dropout = 0.0
    return module


def test_the_random_numbers_of_two_steps_differ(toy_images):
    masks = []

    class Seen(Dropped):
        def forward(self, x):
            if self.training:
                masks.append(torch.rand(4))
            return super().forward(x)

    distill(lambda: Seen("layer"), None, toy_images, HardLabels(), recipe=SHORT)
    assert len({tuple(m.tolist()) for m in masks[-6:]}) == 6


def test_an_lstm_trains_and_predicts_whether_stacked_or_not(toy_images, toy_teacher):
    run = distill(Recurrent, toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=SHORT)
    alone = distill(Recurrent, toy_teacher, toy_images, SoftTargets(), seeds=(0, 1), recipe=SHORT, stack=False)
    torch.testing.assert_close(run.predict(toy_images), alone.predict(toy_images), atol=1e-4, rtol=1e-3)


def test_stack_true_says_why_it_cannot(toy_images):
    with pytest.raises(InputError, match="stack=True was given.*draws random numbers.*trained one by one"):
        distill(lambda: Dropped("layer"), None, toy_images, HardLabels(), seeds=(0, 1), recipe=SHORT, stack=True)


class Tied(nn.Module):
    """One matrix in and out, as a language model's embedding and head."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(11, 6), nn.Linear(6, 11, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, x):
        return self.head(self.embedding(x).cumsum(1))


def test_tied_weights_are_trained_taken_out_and_stored(tmp_path):
    from distill_helpers.training import load_weights, save_weights

    torch.manual_seed(0)
    pool = TokenPool(torch.randint(11, (20, 7)), torch.randint(11, (20, 7)), classes=11, name="tokens")
    run = distill(Tied, None, pool, HardLabels(), seeds=(0, 1), recipe=SHORT)
    model = run.model(1)
    assert model.head.weight is model.embedding.weight and run.parameters == 66
    index = torch.arange(20)
    tokens = pool.inputs(torch.zeros_like(index), index)
    torch.testing.assert_close(run.predict(tokens)[1], model(tokens))
    other = load_weights(Tied(), save_weights(model, tmp_path / "tied.safetensors"))
    assert torch.equal(other.head.weight, model.head.weight) and other.head.weight is other.embedding.weight


def test_a_builder_that_returns_one_object_is_refused(toy_images):
    net = BigMLP(64, 8, 1, 5)
    with pytest.raises(InputError, match="must build a new network at each call.*lambda: Net"):
        distill(lambda: net, None, toy_images, HardLabels(), seeds=(0, 1), recipe=SHORT)
    shared = nn.Linear(64, 5)
    with pytest.raises(InputError, match="must build a new network"):
        distill(lambda: nn.Sequential(nn.Flatten(), shared), None, toy_images, HardLabels(), seeds=(0, 1), recipe=SHORT)


def test_batch_statistics_with_a_batch_of_one(toy_images):
    def net():
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5))

    with pytest.raises(InputError, match="batch_size must be at least 2 for a student with batch normalisation"):
        distill(net, None, toy_images, HardLabels(), recipe=Recipe(steps=2, batch_size=1))
    assert distill(net, None, toy_images, HardLabels(), recipe=Recipe(steps=9, batch_size=13)).step == 9  # 40 = 3 * 13 + 1


def test_half_precision_students_are_refused(toy_images):
    for kind in (torch.float16, torch.bfloat16):
        with pytest.raises(InputError, match="must have weights in float32"):
            distill(lambda k=kind: BigMLP(64, 8, 1, 5).to(k), None, toy_images, HardLabels(), recipe=SHORT)


def test_maps_of_logits_must_name_their_axis():
    class Segments(nn.Module):
        def __init__(self, axis=None):
            super().__init__()
            self.net = nn.Conv2d(1, 5, 1)
            if axis is not None:
                self.class_axis = axis

        def forward(self, x):
            return self.net(x)

    torch.manual_seed(0)
    pool = ArrayPool(torch.rand(12, 1, 5, 5), torch.randint(5, (12, 5, 5)), classes=5, name="maps")
    with pytest.raises(InputError, match="class_axis"):
        distill(Segments, None, pool, HardLabels(), recipe=SHORT)
    run = distill(lambda: Segments(1), None, pool, HardLabels(), seeds=(0, 1), recipe=SHORT)
    assert run.predict(pool).shape == (2, 12, 5, 5, 5)
    begin = distill(lambda: Segments(1), None, pool, HardLabels(), recipe=Recipe(steps=1, batch_size=12, lr=1e-12))
    index = torch.arange(12)
    by_hand = F.cross_entropy(begin.model(0)(pool.inputs(torch.zeros_like(index), index)), pool.labels).item()
    assert begin.history["hard"][0, 0].item() == pytest.approx(by_hand, rel=1e-5)

    class Wrong(Segments):
        def __init__(self):
            super().__init__(1)
            self.net = nn.Conv2d(1, 3, 1)

    with pytest.raises(InputError, match="student has 3 classes, but the data have 5"):
        distill(Wrong, None, pool, HardLabels(), recipe=SHORT)


RETURNS = {
    "a tensor": (lambda s, b: s(b.x).logits.mean(), "must return named terms.*a tensor"),
    "a vector": (lambda s, b: {"a": s(b.x).logits.mean(1)}, r"'a' of .* must be a scalar.*\[8\]"),
    "a float": (lambda s, b: {"a": 0.5}, "'a' of .* must be a floating-point tensor, but 0.5"),
    "nothing": (lambda s, b: None, "must return named terms.*nothing"),
    "no terms": (lambda s, b: {}, "must return at least one named term"),
    "detached": (lambda s, b: {"a": s(b.x).logits.mean().detach()}, "must return terms with a gradient, but a have none"),
    "whole numbers": (lambda s, b: {"a": s(b.x).logits.argmax()}, "'a' of .* must be a floating-point tensor, but torch.int64"),
    "a numbered term": (lambda s, b: {3: s(b.x).logits.mean()}, "must name its terms by words"),
}


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
@pytest.mark.parametrize(("loss", "words"), RETURNS.values(), ids=RETURNS)
def test_what_a_strategy_returns_is_checked_on_the_first_batch(loss, words, seeds, toy_images):
    @dataclass(frozen=True)
    class Mine(Strategy):
        needs_teacher = False

        def loss(self, student, teacher, batch):
            return loss(student, batch)

    with pytest.raises(InputError, match=words):
        distill(build, None, toy_images, Mine(), seeds=seeds, recipe=SHORT)


def build():
    return BigMLP(64, 8, 1, 5)


def test_weights_that_are_lost_while_the_loss_is_finite_are_found(toy_images, monkeypatch):
    """A gradient that is NaN in the last step before a look."""
    plain = Loop.update

    def broken(self, optimizer, owned, wanted, terms):
        plain(self, optimizer, owned, wanted, terms)
        if self.run.step == 5:
            with torch.no_grad():
                wanted[0][0].fill_(torch.nan)

    monkeypatch.setattr(Loop, "update", broken)
    with pytest.raises(Diverged, match="weights became NaN or infinite while the loss was finite at step 5") as caught:
        distill(build, None, toy_images, HardLabels(), seeds=(0, 1), recipe=SHORT)
    assert caught.value.run.step == 3 and all(t.isfinite().all() for t in caught.value.run.model(0).state_dict().values())
    from dataclasses import replace

    run = distill(build, None, toy_images, HardLabels(), seeds=(0, 1), recipe=replace(SHORT, on_divergence="go on"))
    assert run.diverged.tolist() == [True, False]


def test_predict_says_what_it_cannot_take(toy_images):
    run = distill(build, None, toy_images, HardLabels(), seeds=(0, 1), recipe=SHORT)
    with pytest.raises(InputError, match=r"cannot take inputs of shape \(1, 9, 9\)"):
        run.predict(torch.rand(3, 1, 9, 9))
    with pytest.raises(InputError, match="images must be"):
        run.predict([1, 2])


GRIDS = {
    "the shuffle": [ShuffledTeacher(SoftTargets(), seed=s) for s in (0, 1)],
    "the untrained teacher": [RandomTeacher(SoftTargets(), seed=s) for s in (0, 1)],
    "mixup's share": [Mixup(alpha=a) for a in (0.1, 0.9)],
    "turns of a critic": [Adversarial(SoftTargets(), inputs=64, opponent_steps=n) for n in (1, 2)],
}


@pytest.mark.parametrize("strategies", GRIDS.values(), ids=GRIDS)
def test_a_grid_cannot_vary_what_is_set_up_once(strategies, toy_images, toy_teacher):
    with pytest.raises(InputError, match="grid"):
        distill(build, toy_teacher, toy_images, Grid(strategies), recipe=SHORT)


def test_whole_numbers_are_asked_for():
    for name in ("steps", "batch_size", "check_every"):
        with pytest.raises(InputError, match=f"{name} must be a whole number, but 10.5"):
            Recipe(**{name: 10.5})
        with pytest.raises(InputError, match=f"{name} must be a whole number, but 8.0"):
            Recipe(**{name: 8.0})


def test_opponents_may_be_updated_now_and_then(toy_images, toy_teacher):
    @dataclass(frozen=True)
    class Slow(Adversarial):
        opponent_every = 3

    moved = []

    def look(run):
        moved.append(run.model(0, "critic@0").score.weight.clone())

    recipe = Recipe(steps=9, batch_size=8, lr=1e-2, check_every=1)
    distill(build, toy_teacher, toy_images, Slow(SoftTargets(), condition="none"), recipe=recipe, watch=look)
    steps = [not torch.equal(a, b) for a, b in zip(moved, moved[1:], strict=False)]
    assert steps == [False, False, True, False, False, True, False, False]


def test_a_torch_dataset_is_taken(toy_images):
    data = from_dataset(torch.utils.data.TensorDataset(toy_images.x, toy_images.labels), classes=5)
    model = build()
    fit(model, data, Recipe(steps=150, batch_size=20, lr=1e-2))
    assert (model(toy_images.x).argmax(-1) == toy_images.labels).float().mean() > 0.9
