"""Controls prove that they changed something, or refuse."""

import copy

import pytest
import torch
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet, make_views
from distill_helpers.models import BigMLP
from distill_helpers.models.plain_mlp import PlainMLP
from distill_helpers.models.small_conv import SmallConv
from distill_helpers.strategies import (
    DenselyGuided,
    DropoutDistillation,
    FunctionMatching,
    PermutedDarkKnowledge,
    RandomTeacher,
    ShuffledTeacher,
    SoftTargets,
)
from distill_helpers.training import Teacher
from distill_helpers.training.untrained import untrained_copy


@pytest.fixture(autouse=True)
def _no_cache(no_cache):
    pass


def pool_of(images, labels=None, views=2):
    return make_views(ImageSet(images, labels, 5, "toy"), views, 1)


class Bare(nn.Module):
    """A weight that no layer owns, a scale that is one number, a shift that starts constant, and statistics."""

    def __init__(self):
        super().__init__()
        self.weight, self.scale, self.shift = nn.Parameter(torch.randn(64, 5)), nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.zeros(5))
        self.norm = nn.BatchNorm1d(5)

    def forward(self, x):
        return self.norm(x.flatten(1) @ self.weight * self.scale + self.shift)


class Attention(nn.Module):
    """Attention over the rows of an image, with a bare token in front."""

    def __init__(self):
        super().__init__()
        self.token, self.attention, self.head = nn.Parameter(torch.randn(1, 1, 8)), nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 5)

    def forward(self, x):
        h = torch.cat([self.token.expand(len(x), -1, -1), x.squeeze(1)], 1)
        return self.head(self.attention(h, h, h, need_weights=False)[0][:, 0])


def normed():
    return nn.Sequential(nn.Flatten(), nn.utils.parametrizations.weight_norm(nn.Linear(64, 8)), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 5))


NETS = {
    "bare": Bare, "attention": Attention, "parametrized": normed, "plain": lambda: BigMLP(64, 8, 2, 5),
    "convolutional": lambda: SmallConv(1, (4, 6), 5), "tied": lambda: PlainMLP(64, 8, 3, 5, tied=True),
    "recurrent": lambda: nn.Sequential(nn.Flatten(), nn.Unflatten(1, (8, 8)), Last()),
}  # fmt: skip


class Last(nn.Module):
    """The last step of an LSTM."""

    def __init__(self):
        super().__init__()
        self.lstm, self.head = nn.LSTM(8, 6, batch_first=True), nn.Linear(6, 5)

    def forward(self, x):
        return self.head(self.lstm(x)[0][:, -1])


def trained(build):
    """The net with every number moved away from where it began."""
    torch.manual_seed(1)
    net = build()
    with torch.no_grad():
        for tensor in (*net.parameters(), *net.buffers()):
            if tensor.is_floating_point():
                tensor.add_(0.3 * torch.rand(tensor.shape) + 0.1)
    return net.eval()


@pytest.mark.parametrize("build", NETS.values(), ids=NETS)
def test_every_parameter_and_statistic_is_drawn_anew(build, toy_images):
    net, state = trained(build), torch.get_rng_state()
    fresh = untrained_copy(net, 0)
    assert torch.equal(torch.get_rng_state(), state)
    before, after = dict(net.named_parameters()), dict(fresh.named_parameters())
    for name, parameter in after.items():
        assert parameter.isfinite().all() and not (parameter == before[name]).any(), f"{name} kept trained numbers"
    for name, buffer in fresh.named_buffers():
        assert not torch.equal(buffer, dict(net.named_buffers())[name]) or not buffer.is_floating_point()
    again, other = untrained_copy(net, 0), untrained_copy(net, 1)
    assert all(torch.equal(p, q) for p, q in zip(fresh.parameters(), again.parameters(), strict=True))
    assert any(not torch.equal(p, q) for p, q in zip(fresh.parameters(), other.parameters(), strict=True))
    teacher = Teacher(net).over(pool_of(toy_images.images))
    control = RandomTeacher(SoftTargets()).prepare_teacher(teacher)
    assert (control.table.logits - teacher.table.logits).abs().amax(-1).min() > 0


def test_layers_with_a_reset_are_drawn_as_they_begin(toy_teacher):
    """The numbers of recorded runs: reset_parameters of each submodule, the innermost first, under the purpose's seed."""
    from distill_helpers.training.randomness import build_seeded

    reset = lambda m: m.reset_parameters() if hasattr(m, "reset_parameters") else None
    wanted = build_seeded(lambda: copy.deepcopy(toy_teacher).apply(reset), 4, "untrained teacher")
    found = untrained_copy(toy_teacher, 4)
    assert all(torch.equal(p, q) for p, q in zip(found.parameters(), wanted.parameters(), strict=True))


def test_attention_begins_as_it_does_in_torch():
    fresh = untrained_copy(trained(Attention), 0).attention
    assert not fresh.in_proj_bias.any() and fresh.in_proj_weight.abs().max() <= (6 / 32) ** 0.5  # Xavier's bound for [24, 8]


def test_a_bare_parameter_keeps_its_scale_alone():
    torch.manual_seed(0)
    net = Bare()
    nn.init.normal_(net.weight, 3.0, 0.5)
    fresh = untrained_copy(net, 0)
    assert abs(fresh.weight.mean() - 3) < 0.15 and abs(fresh.weight.std() - 0.5) < 0.1
    assert torch.corrcoef(torch.stack([fresh.weight.flatten(), net.weight.flatten()]))[0, 1].abs() < 0.2
    assert torch.equal(fresh.shift, net.shift), "a constant that was never trained has nothing to lose"


def test_a_control_that_changes_nothing_is_refused(toy_images, toy_teacher):
    teacher = Teacher(toy_teacher).over(pool_of(toy_images.images))
    with pytest.raises(InputError, match="parameter 'hidden.0.weight' is the same after drawing anew"):
        teacher.untrained(3).untrained(3)
    assert teacher.untrained(3).untrained(4).drawn_anew == 4

    class Fixed(nn.Linear):
        def reset_parameters(self):
            with torch.no_grad():
                self.weight.copy_(torch.arange(10.0).view(2, 5))
                self.bias.zero_()

    with pytest.raises(InputError, match="parameter 'weight' is the same"):
        untrained_copy(Fixed(5, 2), 0)

    class Deaf(nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(3, 3)

        def forward(self, x):
            return x.flatten(1)[:, :5]

    with pytest.raises(InputError, match="do not depend on them"):
        RandomTeacher(SoftTargets()).prepare_teacher(Teacher(Deaf()).over(teacher.pool))

    class Needy(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(3))

        def reset_parameters(self, gain):
            pass

    with pytest.raises(InputError, match="the reset of Needy must need no arguments"):
        untrained_copy(Needy(), 0)


def test_an_answer_with_nowhere_to_go_is_said(toy_images, toy_teacher):
    class Sorter(nn.Module):
        """The first choice of image i is choices[i]; the image's number stands in its first two pixels."""

        def __init__(self, choices):
            super().__init__()
            self.register_buffer("choices", choices)

        def forward(self, x):
            number = (255 * x[:, 0, 3, 3]).round().long()
            return 5.0 * nn.functional.one_hot(self.choices[number], 5) + 0.001 * number.unsqueeze(1)

    images = torch.zeros(10, 1, 8, 8, dtype=torch.uint8)
    images[:, 0, 3, 3] = torch.arange(10)
    ask = lambda choices: Teacher(Sorter(torch.tensor(choices))).over(make_views(ImageSet(images[: len(choices)], None, 5, "n"), 1))
    inside = ShuffledTeacher(SoftTargets(), "class")
    with pytest.raises(InputError, match=r"5 of 5 would stay in place \(of class 0, 1, 2, 3, 4\).*within='all'"):
        inside.prepare_teacher(ask([0, 1, 2, 3, 4]))
    with pytest.raises(InputError, match=r"1 of 5 would stay in place \(of class 3\)"):
        inside.prepare_teacher(ask([0, 0, 1, 1, 3]))
    kept = ShuffledTeacher(SoftTargets(), "class", alone="keep")
    moved = kept.prepare_teacher(ask([0, 0, 1, 1, 3]))
    assert torch.equal(moved.table.logits[0], ask([0, 0, 1, 1, 3]).table.logits[0, [1, 0, 3, 2, 4]])
    with pytest.raises(InputError, match="5 of 5 would stay"):
        kept.prepare_teacher(ask([0, 1, 2, 3, 4]))
    with pytest.raises(InputError, match="1 of 1 would stay in place, with no other"):
        ShuffledTeacher(SoftTargets()).prepare_teacher(ask([0]))
    with pytest.raises(InputError, match="4 of 4 would stay"):  # two shuffles of pairs undo each other
        ShuffledTeacher(inside, "class").prepare_teacher(ask([0, 0, 1, 1]))
    with pytest.raises(InputError, match="the same one to all"):
        constant = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
        nn.init.zeros_(constant[1].weight)
        ShuffledTeacher(SoftTargets()).prepare_teacher(Teacher(constant).over(pool_of(toy_images.images)))
    with pytest.raises(InputError, match="needs one answer an example"):
        sequence = nn.Sequential(nn.Flatten(2), nn.Linear(64, 5))
        inside.prepare_teacher(Teacher(sequence).over(pool_of(toy_images.images)))
    with pytest.raises(InputError, match="alone must be one of"):
        ShuffledTeacher(SoftTargets(), alone="drop")


def test_live_answers_of_one_input_cannot_be_shuffled(toy_images, toy_teacher):
    moved = ShuffledTeacher(FunctionMatching()).prepare_teacher(Teacher(toy_teacher).over(pool_of(toy_images.images)))
    x = torch.rand(3, 1, 8, 8)
    torch.testing.assert_close(moved.live(x).logits, toy_teacher.eval()(x).roll(1, 0))
    with pytest.raises(InputError, match="at least 2 inputs"):
        moved.live(x[:1])


def test_shuffling_works_whatever_the_store(toy_images, toy_teacher):
    pool = pool_of(toy_images.images)
    wanted = ShuffledTeacher(SoftTargets(), "class").prepare_teacher(Teacher(toy_teacher).over(pool)).table.logits
    for store, tolerance in (("mapped", 0), ("half", 1e-3)):
        moved = ShuffledTeacher(SoftTargets(), "class").prepare_teacher(Teacher(toy_teacher).over(pool, store=store))
        torch.testing.assert_close(moved.column("logits"), wanted, atol=tolerance, rtol=tolerance)


def test_a_random_teacher_has_random_assistants(toy_images, toy_teacher):
    helper = BigMLP(64, 6, 1, 5)
    teacher = Teacher(toy_teacher).over(pool_of(toy_images.images))
    plain, control = DenselyGuided((helper,)).prepare_teacher(teacher), RandomTeacher(DenselyGuided((helper,))).prepare_teacher(teacher)
    assert (plain.column("assistant1") - control.column("assistant1")).abs().max() > 0.1
    assert plain.evaluations == control.evaluations == 160


def test_strategies_that_ask_anew_keep_the_order(toy_images):
    module = BigMLP(64, 16, 1, 5, dropout=0.5)
    teacher = Teacher(module).over(pool_of(toy_images.images))
    order = torch.arange(40).flip(0)
    mean = DropoutDistillation(4)
    assert torch.equal(mean.prepare_teacher(teacher.reordered(order)).column("logits"), mean.prepare_teacher(teacher).column("logits").flip(1))
    assert mean.prepare_teacher(teacher).evaluations == 4 * 80
    guided = DenselyGuided((BigMLP(64, 6, 1, 5),))
    columns = [guided.prepare_teacher(t).column("assistant1") for t in (teacher.reordered(order), teacher)]
    assert torch.equal(columns[0], columns[1].flip(1))


def test_dropout_networks_of_a_module_that_answers_in_its_own_form(toy_images):
    class Pair(BigMLP):
        def forward(self, x):
            return super().forward(x), x.flatten(1)

    pool, module = pool_of(toy_images.images), Pair(64, 16, 1, 5, dropout=0.5)
    plain = BigMLP(64, 16, 1, 5, dropout=0.5)
    plain.load_state_dict(module.state_dict())
    found = [DropoutDistillation(4).prepare_teacher(Teacher(net).over(pool)).table.logits for net in (module, plain)]
    assert torch.equal(*found)


def test_one_wrong_class_cannot_change_places():
    with pytest.raises(InputError, match="classes must be at least 3, but 2"):
        PermutedDarkKnowledge(classes=2)
