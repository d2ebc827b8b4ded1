"""Strategies that make their images: each by hand, by property, in a fleet, and by planted faults; and the generator."""

import importlib
import math
from dataclasses import replace

import pytest
import torch
from mutation import RED, Checks
from stand_ins import gap, random, rows, same, small
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet
from distill_helpers.measure import class_shares, total_variation
from distill_helpers.models.generators import Generator, enlargement
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.strategies import ConditionalGan, DataFree, DataFreeAdversarial
from distill_helpers.strategies.contract import Batch
from distill_helpers.training import Recipe, distill

LN = math.log
SHORT = Recipe(steps=12, batch_size=16, lr=1e-2, check_every=4, opponent_lr=5e-3)
of = Checks(red=(*RED, pytest.fail.Exception))


class Net:
    """Stands in for student and teacher: logits and features as functions of x; ``extra`` gives the made images."""

    def __init__(self, logits, features=None, made=None):
        self.logits, self.features, self.made, self.given = logits, features or {}, made, []

    def __call__(self, x):
        return Outputs(self.logits(x), FeatureDict({k: f(x) for k, f in self.features.items()}))

    live = __call__

    def extra(self, name, *inputs):
        assert name == "generator"
        self.given.append(inputs)
        return self.made(*inputs)


def batch(x, y=None, z=None):
    index = torch.arange(len(x))
    return Batch(x, None if y is None else torch.as_tensor(y), index, torch.zeros_like(index), {"z": torch.zeros(len(x), 3) if z is None else z})


def build():
    return Generator(6, 8, grid=4, side=8)


def build_conditional():
    return Generator(6, 8, grid=4, side=8, classes=5, normalise_pixels=False)


X = rows([[[1.0]]], [[[2.0]]])  # two images of one pixel
TEACHER = Net(
    lambda x: torch.stack([x.flatten() * LN(3), 0 * x.flatten()], -1), {"hidden2": lambda x: torch.cat([x.flatten(1), -3 * x.flatten(1)], 1)}
)
# the teacher gives (3/4, 1/4) for x = 1 and (9/10, 1/10) for x = 2


# data-free learning


@of("data_free")
def three_losses_by_hand(m):
    student = Net(None, made=lambda z: X)
    found = m.DataFree(build, 3, "hidden2", 2.0, 0.1, 5.0).opponent_loss(student, TEACHER, batch(0 * X))
    same(found["one hot"], 2 * 0.5 * (LN(4 / 3) + LN(10 / 9)))
    same(found["activation"], -0.1 * (1 + 3 + 2 + 6) / 4)
    p = (0.75 + 0.9) / 2
    same(found["entropy"], 5 * (p * LN(p) + (1 - p) * LN(1 - p)))


@of("data_free")
def student_learns_by_hand(m):
    """At T = 2 the teacher's odds for x = 2 are 3 to 1; a student at even odds: T² · KL."""
    student = Net(lambda x: torch.zeros(len(x), 2).double(), made=lambda z: X[1:])
    found = m.DataFree(build, 3, temperature=2.0).loss(student, TEACHER, batch(0 * X[1:]))
    same(found["match"], 4 * (0.75 * LN(0.75 / 0.5) + 0.25 * LN(0.25 / 0.5)))
    twin = Net(TEACHER.logits, made=lambda z: X)
    same(m.DataFree(build, 3).loss(twin, TEACHER, batch(0 * X))["match"], 0)


@of("data_free")
def each_loss_is_least_where_the_paper_says(m):
    sure, torn = 30 * torch.eye(4).double(), torch.zeros(4, 4).double()
    same(m.one_hot_loss(sure), 0)
    same(m.one_hot_loss(torn), LN(4))
    same(m.entropy_loss(sure), -LN(4))  # every class once
    same(m.entropy_loss(torn), -LN(4))  # every image even: the batch is balanced too
    same(m.entropy_loss(sure[:1].expand(4, 4)), 0)  # one class only
    z = random(1, 6, 4)
    assert -LN(4) < m.entropy_loss(z) < 0 and m.activation_loss(2 * z) < m.activation_loss(z) < 0
    same(m.entropy_loss(z[torch.tensor([3, 1, 5, 0, 2, 4])]), m.entropy_loss(z))
    assert m.entropy_loss(1e4 * z).isfinite()


@of("data_free")
def gradients_of_dafl_stay_at_home(m):
    _gradients_stay_at_home(m.DataFree(build, 3, "hidden2"))


@of("data_free")
def a_generator_of_other_images_is_named(m):
    with pytest.raises(InputError, match=r"generator must make images of shape \(2, 1, 1, 1\), but it made \(2, 1\)"):
        m.DataFree(build, 3).loss(Net(TEACHER.logits, made=lambda z: X.flatten(1)), TEACHER, batch(X))


@of("generating")
def images_of_another_shape_are_named(m):
    with pytest.raises(InputError, match=r"generator must make images of shape \(2, 1, 1, 1\), but it made \(2, 1\)"):
        m.Generating(build, 3).images(Net(TEACHER.logits, made=lambda z: X.flatten(1)), batch(X))


@of("generating")
def random_numbers_are_normal_and_repeatable(m):
    strategy, x = m.Generating(build, 50), torch.zeros(400, 1, 2, 2)
    z = strategy.draw(x, torch.Generator().manual_seed(3))["z"]
    assert z.shape == (400, 50) and abs(z.mean()) < 0.03 and abs(z.std() - 1) < 0.03
    assert torch.equal(z, strategy.draw(x, torch.Generator().manual_seed(3))["z"])


def _gradients_stay_at_home(strategy):
    """The student's loss moves only the student, the generator's only the generator (the trainer keeps the student still)."""
    made, weight = X.clone().requires_grad_(), torch.ones((), dtype=torch.double, requires_grad=True)
    heat = torch.ones((), dtype=torch.double, requires_grad=True)
    student = Net(lambda x: torch.cat([weight * x.flatten(1), weight**2 * x.flatten(1) ** 2], 1), made=lambda z: made)
    teacher = Net(lambda x: heat * TEACHER.logits(x), TEACHER.features)
    own = torch.autograd.grad(sum(strategy.loss(student, teacher, batch(0 * X)).values()), (weight, made, heat), allow_unused=True)
    assert own[0].abs() > 1e-4 and own[1] is None and own[2] is None
    (slope,) = torch.autograd.grad(sum(strategy.opponent_loss(student, teacher, batch(0 * X)).values()), made)
    assert slope.abs().max() > 1e-4


# data-free adversarial distillation


@of("data_free_adversarial")
def gap_by_hand(m):
    """Teacher's logits (ln 3, 0) and (2 ln 3, 0), the student's (0, 1): the mean of ln 3, 1, 2 ln 3, 1."""
    student = Net(lambda x: rows([0, 1]).expand(len(x), 2), made=lambda z: X)
    wanted = (3 * LN(3) + 2) / 4
    same(m.DataFreeAdversarial(build, 3).loss(student, TEACHER, batch(0 * X))["gap"], wanted)
    same(m.DataFreeAdversarial(build, 3).opponent_loss(student, TEACHER, batch(0 * X))["sought"], -wanted)
    same(m.DataFreeAdversarial(build, 3, True).opponent_loss(student, TEACHER, batch(0 * X))["sought"], -LN(1 + wanted))
    same(m.DataFreeAdversarial(build, 3, True).loss(student, TEACHER, batch(0 * X))["gap"], wanted)


@of("data_free_adversarial")
def a_twin_leaves_nothing_to_seek(m):
    twin = Net(TEACHER.logits, made=lambda z: X)
    same(m.DataFreeAdversarial(build, 3).loss(twin, TEACHER, batch(0 * X))["gap"], 0)
    same(m.DataFreeAdversarial(build, 3).opponent_loss(twin, TEACHER, batch(0 * X))["sought"], 0)


@of("data_free_adversarial")
def gradients_of_dfad_stay_at_home(m):
    _gradients_stay_at_home(m.DataFreeAdversarial(build, 3))
    _gradients_stay_at_home(m.DataFreeAdversarial(build, 3, True))


# conditional GAN


def critic(x):
    """Scores (x, -2x)."""
    return torch.stack([x.flatten(), -2 * x.flatten()], -1)


@of("conditional_gan")
def gan_by_hand(m):
    """Real x = 1 as class 0 and x = 2 as class 1 score 1 and -4; made x = 3 and x = 1 score 3 and -2; slopes are 1 and -2."""
    made = rows([[[3.0]]], [[[1.0]]])
    net = Net(critic, made=lambda z, y: made)
    softplus = lambda v: LN(1 + math.exp(v))
    found = m.ConditionalGan(build_conditional, 3, 4.0).loss(net, None, batch(X, [0, 1]))
    same(found["real"], (softplus(-1) + softplus(4)) / 2)
    same(found["made"], (softplus(3) + softplus(-2)) / 2)
    same(found["slope"], 4 / 2 * (1 + 4) / 2)
    fooled = m.ConditionalGan(build_conditional, 3).opponent_loss(net, None, batch(X, [0, 1]))
    same(fooled["fool"], (softplus(-3) + softplus(2)) / 2)


@of("conditional_gan")
def the_slope_is_that_at_real_images(m):
    """The score 3x² of class 0 has slope 6x: 6 and 12 at the real images, whatever is made; all pixels of an image add up."""
    net = Net(lambda x: (3 * x.flatten(1) ** 2).sum(-1, keepdim=True), made=lambda z, y: 50 * X)
    same(m.ConditionalGan(build_conditional, 3, 1.0).loss(net, None, batch(X, [0, 0]))["slope"], 0.5 * (36 + 144) / 2)
    pair, net = torch.cat([X, X], -1), Net(net.logits, made=lambda z, y: torch.cat([X, X], -1))
    same(m.ConditionalGan(build_conditional, 3, 1.0).loss(net, None, batch(pair, [0, 0]))["slope"], 0.5 * 2 * (36 + 144) / 2)


@of("conditional_gan")
def made_images_have_the_classes_of_the_batch(m):
    net = Net(critic, made=lambda z, y: X)
    m.ConditionalGan(build_conditional, 3).loss(net, None, batch(X, [1, 0]))
    assert net.given[0][1].tolist() == [1, 0]
    with pytest.raises(InputError, match="class indices"):
        m.ConditionalGan(build_conditional, 3).loss(net, None, batch(X, [0.5, 1.0]))
    with pytest.raises(InputError, match="must make images"):
        m.ConditionalGan(build_conditional, 3).loss(Net(critic, made=lambda z, y: X[:1]), None, batch(X, [1, 0]))


@of("conditional_gan")
def gradients_of_the_gan_stay_at_home(m):
    made, weight = X.clone().requires_grad_(), torch.ones((), dtype=torch.double, requires_grad=True)
    net = Net(lambda x: weight * critic(x), made=lambda z, y: made)
    strategy = m.ConditionalGan(build_conditional, 3)
    for name, term in strategy.loss(net, None, batch(X, [0, 1])).items():
        slope, none = torch.autograd.grad(term, (weight, made), allow_unused=True)
        assert slope.abs() > 1e-4 and none is None, name
    (slope,) = torch.autograd.grad(strategy.opponent_loss(net, None, batch(X, [0, 1]))["fool"], made)
    assert slope.abs().min() > 1e-4


@of.each
def test_by_hand_and_by_property(name, check):
    check(of.original(name))


FAULTS = [
    ("data_free", "sign of the activation loss", "return -features.abs().mean()", "return features.abs().mean()"),
    ("data_free", "sizes not taken", "-features.abs().mean()", "-features.mean()"),
    ("data_free", "sign of the entropy loss", "return (log_p.exp() * log_p).sum()", "return -(log_p.exp() * log_p).sum()"),
    ("data_free", "entropy of each image", "log_p = rows.log_softmax(-1).logsumexp(0) - math.log(len(rows))",
     "log_p = rows.log_softmax(-1) - math.log(len(rows))"),
    ("data_free", "mean forgotten", ".logsumexp(0) - math.log(len(rows))", ".logsumexp(0)"),
    ("data_free", "mean of logits", "rows.log_softmax(-1).logsumexp(0) - math.log(len(rows))", "rows.mean(0).log_softmax(-1)"),
    ("data_free", "least likely class", "logits.argmax(-1)", "logits.argmin(-1)"),
    ("data_free", "T² missing", "self.temperature**2 * kl", "kl"),
    ("data_free", "arguments swapped", "kl_from_logits(t, student(x).logits, ", "kl_from_logits(student(x).logits, t, "),
    ("data_free", "generator moved by the student's loss", "x = self.images(student, batch).detach()", "x = self.images(student, batch)"),
    ("data_free", "teacher not held", "teacher.live(x).logits.detach()", "teacher.live(x).logits"),
    ("data_free", "alpha and beta swapped", "self.beta * entropy_loss", "self.alpha * entropy_loss"),
    ("data_free", "one-hot weight forgotten", "self.one_hot * one_hot_loss", "one_hot_loss"),
    ("data_free", "generator cut off", "teacher.live(self.images(student, batch))", "teacher.live(self.images(student, batch).detach())"),
    ("generating", "even numbers", "torch.randn(len(x)", "torch.rand(len(x)"),
    ("generating", "shape not looked at", "if made.shape != x.shape", "if False"),
    ("data_free_adversarial", "generator helps", "else -found", "else found"),
    ("data_free_adversarial", "signed difference", ".abs().mean()", ".mean()"),
    ("data_free_adversarial", "squares", ".abs().mean()", ".square().mean()"),
    ("data_free_adversarial", "sum over classes", ".abs().mean()", ".abs().sum(-1).mean()"),
    ("data_free_adversarial", "plain logarithm", "-found.log1p()", "-found.log()"),
    ("data_free_adversarial", "always the logarithm", "if self.logarithm else", "if True else"),
    ("data_free_adversarial", "generator moved by the student", "x = self.images(student, batch).detach()", "x = self.images(student, batch)"),
    ("data_free_adversarial", "teacher not held", "teacher.live(x).logits.detach()", "teacher.live(x).logits"),
    ("conditional_gan", "real taken for made", '"real": softplus(-score', '"real": softplus(score'),
    ("conditional_gan", "made taken for real", '"made": softplus(score', '"made": softplus(-score'),
    ("conditional_gan", "generator helps the critic", '"fool": softplus(-score', '"fool": softplus(score'),
    ("conditional_gan", "made images not held", "made = self.images(student, batch).detach()", "made = self.images(student, batch)"),
    ("conditional_gan", "half forgotten", "self.penalty / 2", "self.penalty"),
    ("conditional_gan", "slope at made images", ".sum())(batch.x)", ".sum())(made)"),
    ("conditional_gan", "length for its square", "slope.square().flatten(1).sum(-1).mean()", "slope.abs().flatten(1).sum(-1).mean()"),
    ("conditional_gan", "mean over pixels", ".flatten(1).sum(-1).mean()", ".flatten(1).mean()"),
    ("conditional_gan", "slope of all scores", "lambda x: score(student(x).logits, batch.y).sum()", "lambda x: student(x).logits.sum()"),
    ("conditional_gan", "class forgotten", "logits.gather(-1, y.unsqueeze(-1)).squeeze(-1)", "logits[:, 0]"),
    ("conditional_gan", "shape not looked at", 'same_shape(made_of(student, batch.noise["z"], y), batch.x)',
     'made_of(student, batch.noise["z"], y)'),
]  # fmt: skip


@of.planted(FAULTS)
def test_each_planted_fault_turns_a_check_red(name, old, new):
    assert of.gone_red(name, old, new)


# what holds for all of them


def blank():
    return ImageSet(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), None, 5, "blank")


STRATEGIES = [DataFree(build, 6), DataFreeAdversarial(build, 6), DataFreeAdversarial(build, 6, True)]


def test_the_generator_is_counted(toy_teacher):
    run = distill(small, toy_teacher, blank(), DataFree(build, 6), seeds=(2, 5), recipe=SHORT)
    assert run.extra_parameters == sum(p.numel() for p in run.model(0, "generator@0").parameters())


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
def test_no_data_are_looked_at(strategy, toy_images, toy_teacher):
    """The same students come of a blank image and of real ones: nothing of the data enters but their shape."""
    one = distill(small, toy_teacher, blank(), strategy, seeds=(0, 1), recipe=SHORT)
    other = distill(small, toy_teacher, toy_images, strategy, seeds=(0, 1), recipe=SHORT)
    assert gap(one.model(0), other.model(0)) == 0 and gap(one.model(1, "generator@0"), other.model(1, "generator@0")) == 0
    asked = one.teacher_evaluations - 1  # the blank image itself
    assert asked == 2 * 2 * SHORT.steps * SHORT.batch_size  # two students, each with its generator's turn and its own


def test_dafl_makes_what_its_losses_ask_for(toy_teacher):
    recipe = Recipe(steps=150, batch_size=32, lr=1e-3, opponent_lr=1e-2)
    z = torch.randn(200, 6, generator=torch.Generator().manual_seed(1))
    losses = importlib.import_module("distill_helpers.strategies.data_free.data_free")
    found = {}
    for name, r in (("trained", recipe), ("untrained", replace(recipe, steps=1, opponent_lr=1e-12))):
        run = distill(small, toy_teacher, blank(), DataFree(build, 6), recipe=r)
        logits = toy_teacher(run.model(0, "generator@0")(z))
        found[name] = (losses.one_hot_loss(logits) + 5 * losses.entropy_loss(logits)).item()
    assert found["trained"] < found["untrained"] - 0.2


def test_the_batch_may_be_of_any_size_and_order(toy_teacher):
    strategy = DataFree(build, 6)
    for size in (2, 5, 33):
        run = distill(small, toy_teacher, blank(), strategy, recipe=replace(SHORT, batch_size=size, steps=2))
        assert run.history["match"].isfinite().all()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: DataFree(build()), "generator must be a function that builds a new generator, but Generator"),
        (lambda: DataFreeAdversarial(3), "generator must be a function"),
        (lambda: ConditionalGan(build_conditional, penalty=-1.0), "penalty must be at least 0"),
        (lambda: DataFree(build, 0), "latent must be at least 1"),
        (lambda: DataFree(build, alpha=-0.1), "alpha must be at least 0"),
        (lambda: DataFree(build, beta=math.nan), "beta must be finite"),
        (lambda: DataFree(build, temperature=0.0), "temperature must be greater than 0"),
        (lambda: Generator(6, 8, grid=9, side=8), "grid must be at most side=8"),
        (lambda: Generator(6, 0), "width must be at least 1"),
        (lambda: build()(torch.rand(4, 6), torch.arange(4)), "y must be given exactly where"),
        (lambda: build_conditional()(torch.rand(4, 6)), "y must be given exactly where"),
    ],
)
def test_bad_input_is_named(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_a_missing_feature_is_named(toy_teacher):
    with pytest.raises(InputError, match="embedding.*hidden1, hidden2"):
        distill(small, toy_teacher, blank(), DataFree(build, 6, feature="embedding"), recipe=SHORT)


def test_generator_shapes_range_and_size():
    made = Generator(5, 7, grid=3, side=6)
    images = made(torch.randn(9, 5))
    assert images.shape == (9, 1, 6, 6) and images.min() > 0 and images.max() < 1
    assert sum(p.numel() for p in made.parameters()) == 5 * 7 + 14 + 7 * 7 + 14 + 7 * 9 + 2 * 36
    assert made.pixels.weight.unique().item() == 2 and made.pixels.bias.unique().item() == -2
    named = build_conditional()
    z = torch.randn(5, 6)
    assert not torch.equal(named(z, torch.arange(5)), named(z, torch.zeros(5, dtype=torch.long)))
    torch.testing.assert_close(named(z, torch.arange(5))[:, :, 0, 0].shape, torch.Size([5, 1]))


def test_enlarging_keeps_level_pictures_level():
    matrix = enlargement(3, 7)
    torch.testing.assert_close(matrix.sum(0), torch.ones(49))
    torch.testing.assert_close(enlargement(4, 4), torch.eye(16))
    picture = torch.rand(2, 1, 3, 3)
    wanted = nn.functional.interpolate(picture, size=(7, 7), mode="bilinear", align_corners=False)
    torch.testing.assert_close((picture.flatten(1) @ matrix).view(2, 1, 7, 7), wanted)


def test_generators_stack():
    models, z = [build() for _ in range(3)], torch.randn(4, 6)
    out = vmap(lambda p, b: functional_call(models[0], (p, b), (z,)))(*stack_module_state(models))
    for i, model in enumerate(models):
        torch.testing.assert_close(out[i], model(z))


# the classes that are made


def test_shares_and_their_distance_by_hand():
    p, q = class_shares(torch.tensor([0, 0, 1, 3]), 4), torch.tensor([0.25, 0.25, 0.25, 0.25])
    assert p.tolist() == [0.5, 0.25, 0, 0.25]
    same(total_variation(p, q), 0.25)
    same(total_variation([1.0, 0.0], [0.0, 1.0]), 1)
    same(total_variation(p, p), 0)
    # it is the largest difference in probability of any set of classes
    a, b = (random(s, 5).softmax(-1) for s in (1, 2))
    sets = [torch.tensor([(n >> c) & 1 for c in range(5)]).double() for n in range(32)]
    same(total_variation(a, b), max(abs((s * (a - b)).sum()) for s in sets))
    assert total_variation(torch.stack([a, b]), a).tolist() == pytest.approx([0, float(total_variation(b, a))])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: class_shares(torch.tensor([0.5]), 2), "classes must be int64"),
        (lambda: class_shares(torch.tensor([2]), 2), "classes must be from 0 to 1"),
        (lambda: class_shares(torch.zeros(0, dtype=torch.int64), 2), "classes must hold at least one example"),
        (lambda: total_variation([0.5, 0.4], [0.5, 0.5]), "p must hold shares that sum to 1"),
        (lambda: total_variation([0.5, 0.5], [1.5, -0.5]), "q must hold shares"),
        (lambda: total_variation([0.5, 0.5], [0.2, 0.3, 0.5]), "as many classes"),
    ],
)
def test_bad_shares_are_named(make, words):
    with pytest.raises(InputError, match=words):
        make()
