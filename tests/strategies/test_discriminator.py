"""Discriminative distillation: by hand, by property, in a fleet, on a problem with a known answer, and by planted faults."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from mutation import Checks
from stand_ins import gap, random, rows, same, small
from torch import nn
from torch.nn import functional as F

from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet
from distill_helpers.measure import distance_from_median, spread_ratio
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.strategies import Adversarial, Grid, HardLabels, LogitRegression, ShuffledTeacher, SoftTargets, Strategy, Watched
from distill_helpers.strategies.contract import Batch
from distill_helpers.training import Recipe, distill

LN = math.log
SHORT = Recipe(steps=6, batch_size=16, lr=1e-2, check_every=3, opponent_lr=2e-2)
of = Checks()
pytestmark = pytest.mark.usefixtures("no_cache")


class Net:
    """Student and teacher by given logits, and a critic by a function; ``seen`` keeps what the critic was shown."""

    def __init__(self, logits, critic=None):
        self.logits, self.critic, self.seen, self.asked = logits, critic, [], 0

    def __call__(self, asked):
        self.asked += 1
        return Outputs(self.logits, FeatureDict())

    def extra(self, name, *inputs):
        assert name == "critic"
        self.seen.append(inputs)
        return self.critic(*inputs)


def batch(count, y=None, **noise):
    index = torch.arange(count)
    x = torch.arange(3.0 * count).view(count, 3)
    return Batch(x, None if y is None else torch.as_tensor(y), index, torch.zeros_like(index), noise)


HALF, THREE = rows([0.0, 0.0]), rows([LN(3), 0.0])  # softmax (1/2, 1/2) and (3/4, 1/4)
tilted = lambda answers, x=None: 2 * LN(3) * answers[..., :1]  # ln 3 at a half, 1.5 ln 3 at three quarters
curved = lambda answers, x=None: answers.square().sum(-1, keepdim=True)  # with gradient twice the answer
A, B = LN(1 + 1 / 3), LN(1 + 3**-1.5)  # -log σ of the two
NO_IMAGE = dict(condition="none")


@of("discriminator")
def game_by_hand(m):
    s, t = Net(HALF, tilted), Net(THREE)
    found = m.Adversarial(weight=2.0, **NO_IMAGE).loss(s, t, batch(1))
    assert list(found) == ["fool"]
    same(found["fool"], 2 * A)
    found = m.Adversarial(weight=2.0, **NO_IMAGE).opponent_loss(s, t, batch(1))
    assert list(found) == ["tell"]
    same(found["tell"], LN(4) + B)  # -log(1 - σ(ln 3)) = ln 4
    hot = m.Adversarial(temperature=2.0, **NO_IMAGE)
    same(hot.loss(Net(2 * HALF + 2, tilted), t, batch(1))["fool"], A)
    same(hot.opponent_loss(Net(2 * HALF, tilted), Net(2 * THREE), batch(1))["tell"], LN(4) + B)


@of("discriminator")
def both_sides_are_shown_as_probabilities(m):
    s, t = rows([1, 5, -2], [0, 3, 1]), rows([4, 0, 0], [0, 0, 7])
    for T in (1.0, 3.0):
        ours, theirs = m.Adversarial(temperature=T).shown(Net(s), Net(t), batch(2))
        torch.testing.assert_close(ours, (s / T).softmax(-1))
        torch.testing.assert_close(theirs, (t / T).softmax(-1))
    ours, theirs = m.Adversarial(temperature=2.0).shown(Net(s), Net(s), batch(2))
    assert torch.equal(ours, theirs)  # a student that equals its teacher cannot be told apart


@of("discriminator")
def regularisers_by_hand(m):
    s, t = Net(HALF, tilted), Net(THREE)
    same(m.Adversarial(relabelled=3.0, **NO_IMAGE).opponent_loss(s, t, batch(1))["relabelled"], 3 * A)
    s.critic = lambda answers: (torch.tensor(5.0), torch.tensor(7.0)) if answers is None else tilted(answers)
    same(m.Adversarial(l1=0.1, l2=0.01, **NO_IMAGE).opponent_loss(s, t, batch(1))["shrink"], 0.5 + 0.07)
    same(m.Adversarial(l1=0.1, **NO_IMAGE).opponent_loss(s, t, batch(1))["shrink"], 0.5)


@of("discriminator")
def penalties_by_hand(m):
    """The critic's slope is twice the answer, so its length says where it was taken."""
    s, t = Net(HALF, curved), Net(THREE)
    at_teacher = m.Adversarial(gradient_penalty=3.0, penalty="teacher", **NO_IMAGE).opponent_loss(s, t, batch(1))
    same(at_teacher["slope"], 3 * 0.5 * 4 * (9 / 16 + 1 / 16))
    same(at_teacher["tell"], F.softplus(torch.tensor(0.5)) + F.softplus(torch.tensor(-0.625)))
    noise = {"between": rows([0.25])}
    between = m.Adversarial(gradient_penalty=3.0, penalty="between", **NO_IMAGE).opponent_loss(s, t, batch(1, **noise))
    a, b = 0.25 * 0.75 + 0.75 * 0.5, 0.25 * 0.25 + 0.75 * 0.5
    same(between["slope"], 3 * (2 * math.hypot(a, b) - 1) ** 2)
    same(between["tell"], at_teacher["tell"])
    drawn = m.Adversarial(penalty="between").draw(torch.zeros(2000, 1), torch.Generator().manual_seed(0))["between"]
    assert drawn.shape == (2000, 1) and drawn.min() >= 0 and abs(drawn.mean() - 0.5) < 0.02 and abs(drawn.var() - 1 / 12) < 0.01
    assert m.Adversarial().draw(torch.zeros(3, 1), torch.Generator()) == {}


@of("discriminator")
def penalty_is_taken_example_by_example(m):
    """Two examples: the mean of two penalties, not the penalty of a mean."""
    s, t = Net(torch.cat([HALF, HALF]), curved), Net(torch.cat([THREE, HALF]))
    found = m.Adversarial(gradient_penalty=1.0, **NO_IMAGE).opponent_loss(s, t, batch(2))
    same(found["slope"], 0.5 * 4 * (10 / 16 + 8 / 16) / 2)


@of("discriminator")
def labels_by_hand(m):
    guesses = lambda answers: torch.cat([tilted(answers), answers.log()], -1)
    s, t = Net(HALF, guesses), Net(THREE)
    strategy = m.Adversarial(condition="label", weight=2.0)
    found = strategy.loss(s, t, batch(1, [1]))
    same(found["guess"], 2 * LN(2))
    same(found["fool"], 2 * A)
    found = strategy.opponent_loss(s, t, batch(1, [1]))
    same(found["guess"], LN(2) + LN(4))
    same(found["tell"], LN(4) + B)
    assert strategy.needs_labels and set(strategy.signals) == {"labels", "outputs"}
    with pytest.raises(InputError, match="class indices"):
        strategy.loss(s, t, batch(1))


@of("discriminator")
def the_critic_knows_what_it_may(m):
    for condition, known in (("image", 2), ("none", 1)):
        s = Net(HALF, tilted)
        b = batch(1)
        m.Adversarial(condition=condition).loss(s, Net(THREE), b)
        m.Adversarial(condition=condition).opponent_loss(s, Net(THREE), b)
        assert [len(inputs) for inputs in s.seen] == [known, known]
        assert known == 1 or all(inputs[1] is b.x for inputs in s.seen)


@of("discriminator")
def gradients_go_to_one_side_each(m):
    s, t, w = random(1, 6, 4).requires_grad_(), random(2, 6, 4).requires_grad_(), random(3, 4, 1).requires_grad_()
    critic = lambda answers, x=None: (answers @ w).tanh()
    strategy = m.Adversarial(m.Alone(), gradient_penalty=1.0, relabelled=0.5)
    ours, theirs = torch.autograd.grad(strategy.loss(Net(s, critic), Net(t), batch(6))["fool"], (s, t), allow_unused=True)
    assert ours.abs().max() > 1e-4 and theirs is None
    total = sum(strategy.opponent_loss(Net(s, critic), Net(t), batch(6)).values())
    ours, theirs, mine = torch.autograd.grad(total, (s, t, w), allow_unused=True)
    assert ours is None and theirs is None and mine.abs().max() > 1e-4


@of("discriminator")
def following_the_loss_fools_the_critic(m):
    """A step down the student's loss raises the critic's score of the student; a step down the critic's loss lowers it."""
    s = HALF.clone().requires_grad_()
    found = m.Adversarial(**NO_IMAGE).loss(Net(s, tilted), Net(THREE), batch(1))["fool"]
    (g,) = torch.autograd.grad(found, s)
    assert tilted((s - 0.1 * g).softmax(-1)) > tilted(s.softmax(-1))
    bias = torch.zeros((), dtype=torch.double, requires_grad=True)
    scored = lambda answers: bias * (answers[..., :1] - 0.6)  # grows towards the teacher
    (g,) = torch.autograd.grad(m.Adversarial(**NO_IMAGE).opponent_loss(Net(HALF, scored), Net(THREE), batch(1))["tell"], bias)
    assert g < 0


@of("discriminator")
def inner_is_kept_and_the_student_asked_once(m):
    s, t, b = Net(HALF, tilted), Net(THREE), batch(1, [1])
    found = m.Adversarial(SoftTargets(2.0, 0.7)).loss(s, t, b)
    wanted = SoftTargets(2.0, 0.7).loss(Net(HALF), t, b)
    for name in wanted:
        same(found[name], wanted[name])
    assert set(found) == {"soft", "hard", "fool"} and s.asked == 1
    assert m.Adversarial(SoftTargets(2.0, 0.7)).needs_labels and not m.Adversarial(SoftTargets(2.0, 1.0)).needs_labels
    assert not m.Adversarial().needs_labels and m.Adversarial(HardLabels()).needs_teacher
    assert m.Adversarial(HardLabels()).signals == ("labels", "outputs") and m.Adversarial().signals == ("outputs",)


@of("watched")
def watching_changes_nothing(m):
    w = rows([2], [-1])
    s, t = ((random(seed, 50, 2) + rows([shift, 0])).requires_grad_() for seed, shift in ((1, -1), (2, 1)))
    critic = lambda answers, x=None: (answers - 0.4) @ w
    plain = m.Adversarial(weight=0.5)
    found = m.Watched(plain).loss(Net(s, critic), Net(t), batch(50))
    (ours,) = torch.autograd.grad(sum(found.values()), s)
    (wanted,) = torch.autograd.grad(plain.loss(Net(s, critic), Net(t), batch(50))["fool"], s)
    torch.testing.assert_close(ours, wanted)
    scores = critic(s.softmax(-1)), critic(t.softmax(-1))
    same(found["told apart"], ((scores[0] < 0).double().mean() + (scores[1] > 0).double().mean()) / 2)
    same(found["critic"], plain.opponent_loss(Net(s, critic), Net(t), batch(50))["tell"])


@of("critic")
def critic_by_hand(m):
    """One unit: φ = leaky(2 leaky(p1 - p2)), score 3 φ + 1, plus φ times 5 leaky(x1)."""
    critic = m.Critic(2, inputs=2, hidden=1).double()
    values = {"answer.weight": [[1, -1]], "mix.weight": [[2]], "score.weight": [[3]], "image.0.weight": [[1, 0]], "image.2.weight": [[5]],
              "answer.bias": [0], "mix.bias": [0], "score.bias": [1], "image.0.bias": [0], "image.2.bias": [0]}  # fmt: skip
    critic.load_state_dict({k: torch.tensor(v, dtype=torch.double) for k, v in values.items()})
    x = rows([2, 9], [-2, 9])
    found = critic(rows([0.75, 0.25], [0.25, 0.75]), x)
    # φ = 2 · 0.5 = 1, and 0.2 · 2 · (0.2 · -0.5) = -0.04; ψ = 10 and -2
    torch.testing.assert_close(found, rows([3 * 1 + 1 + 10], [3 * -0.04 + 1 + 0.08]))
    torch.testing.assert_close(critic(torch.stack([rows([0.75, 0.25], [0.25, 0.75])] * 2), x), torch.stack([found, found]))
    absolute, square = critic(None)
    same(absolute, 2 + 2 + 3 + 1 + 5)
    same(square, 2 + 4 + 9 + 1 + 25)


@of("critic")
def guesses_do_not_see_the_image(m):
    torch.manual_seed(0)
    critic, x, p = m.Critic(3, inputs=4, labels=3, hidden=8).double(), random(1, 5, 2, 2), random(2, 5, 3)
    one, two = critic(p, x), critic(p, -x)
    assert one.shape == (5, 4) and torch.equal(one[:, 1:], two[:, 1:]) and not torch.allclose(one[:, 0], two[:, 0])
    assert m.Critic(3, hidden=8)(p.float()).shape == (5, 1) and m.Critic(3, labels=3, hidden=8)(p.float()).shape == (5, 4)
    with pytest.raises(InputError, match="inputs must be 4.*784"):
        m.Critic(3, inputs=784).double()(p, x)


@of("logit_regression")
def regression_by_hand(m):
    s, t = rows([1, 0], [0, 2]), rows([3, 1], [0, 0])
    same(m.LogitRegression(2.0, 1).loss(Net(s), Net(t), batch(2))["regression"], 2 * (3 + 2) / 2)
    same(m.LogitRegression(2.0, 2).loss(Net(s), Net(t), batch(2))["regression"], 2 * 0.5 * (5 + 4) / 2)
    found = m.LogitRegression(1.0, 1, 0.5).loss(Net(HALF), Net(HALF), batch(1, [0]))
    same(found["regression"], 0)
    same(found["hard"], 0.5 * LN(2))
    assert m.LogitRegression(labels=0.5).needs_labels and not m.LogitRegression().needs_labels
    assert "hard" not in m.LogitRegression().loss(Net(HALF), Net(HALF), batch(1, [0]))
    t = t.clone().requires_grad_()
    assert not m.LogitRegression().loss(Net(s), Net(t), batch(2))["regression"].requires_grad


@of.each
def test_checks(name, check):
    check(of.original(name))


FAULTS = [
    ("discriminator", "sign leak: log-softmax of the student", "(ours / self.temperature).softmax", "(ours / self.temperature).log_softmax"),
    ("discriminator", "sign leak: log-softmax of the teacher", "(theirs / self.temperature).softmax", "(theirs / self.temperature).log_softmax"),
    ("discriminator", "the teacher not softened", "(theirs / self.temperature)", "theirs"),
    ("discriminator", "the student not softened", "(ours / self.temperature)", "ours"),
    ("discriminator", "the critic's loss moves the student", "[answers.detach() for answers in", "[answers for answers in"),
    ("discriminator", "the student helps the critic", "self.weight * taken_for_teacher(rows)", "self.weight * taken_for_student(rows)"),
    ("discriminator", "saturating", "self.weight * taken_for_teacher(rows)", "-self.weight * taken_for_student(rows)"),
    ("discriminator", "sides swapped", "ours, theirs = rows[0], rows[1]", "ours, theirs = rows[1], rows[0]"),
    ("discriminator", "critic sees the student only", "ours, theirs = rows[0], rows[1]", "ours, theirs = rows[0], rows[0]"),
    ("discriminator", "weight missing", '"fool": self.weight * ', '"fool": '),
    ("discriminator", "inner forgotten", '**self.inner.loss(once, teacher, batch), "fool"', '"fool"'),
    ("discriminator", "student asked twice", "ours, _ = self.shown(once,", "ours, _ = self.shown(student,"),
    ("discriminator", "image withheld", 'batch.x) if self.condition == "image"', 'batch.x) if self.condition == "never"'),
    ("discriminator", "relabelled as the student's", "self.relabelled * taken_for_teacher(ours)", "self.relabelled * taken_for_student(ours)"),
    ("discriminator", "l1 and l2 swapped", "self.l1 * absolute + self.l2 * square", "self.l2 * absolute + self.l1 * square"),
    ("discriminator", "l1 alone forgotten", "if counts(self.l1) or counts(self.l2)", "if counts(self.l2)"),
    ("discriminator", "penalty at the student's answer", "0.5 * gradients[1]", "0.5 * gradients[0]"),
    ("discriminator", "half missing", "0.5 * gradients[1]", "gradients[1]"),
    ("discriminator", "penalty of a sum", "gradients[1].square().sum(-1).mean()", "gradients[1].sum(0).square().sum()"),
    ("discriminator", "no blend", "share * shown[1] + (1 - share) * shown[0]", "shown[1]"),
    ("discriminator", "blend turned", "share * shown[1] + (1 - share) * shown[0]", "share * shown[0] + (1 - share) * shown[1]"),
    ("discriminator", "norm held at 0", ".sqrt() - 1)", ".sqrt())"),
    ("discriminator", "normal for uniform", "torch.rand(len(x), 1", "torch.randn(len(x), 1"),
    ("discriminator", "penalty weight missing", "self.gradient_penalty * self.slope", "self.slope"),
    ("discriminator", "critic guesses one side", " + cross_entropy(theirs[:, 1:], y, batch.task)", ""),
    ("discriminator", "guess without weight", "self.weight * cross_entropy(rows", "cross_entropy(rows"),
    ("watched", "watching trains the critic's loss", "answers.detach(), batch).detach()", "answers, batch)"),
    ("watched", "told apart turned", "scores[0][:, 0] < 0", "scores[0][:, 0] > 0"),
    ("critic", "image ignored", "scores[..., :1] + fits", "scores[..., :1]"),
    ("critic", "guesses see the image", "scores[..., :1] + fits, scores[..., 1:]", "scores[..., :1] + fits, scores[..., 1:] + fits"),
    ("critic", "a linear critic", "F.leaky_relu(self.answer(answers), 0.2)", "self.answer(answers)"),
    ("critic", "biases counted", "layer.weight for layer in self.modules() if isinstance(layer, nn.Linear)", "p for p in self.parameters()"),
    ("critic", "sums swapped", "return sum(w.abs().sum() for w in weights), sum(w.square().sum() for w in weights)",
     "return sum(w.square().sum() for w in weights), sum(w.abs().sum() for w in weights)"),
    ("logit_regression", "norms swapped", "self.norm == 1", "self.norm == 2"),
    ("logit_regression", "half missing", "0.5 * gap", "gap"),
    ("logit_regression", "mean over classes", "gap.abs().sum(-1)", "gap.abs().mean(-1)"),
    ("logit_regression", "weight missing", "self.weight * away", "away"),
    ("logit_regression", "label weight missing", "self.labels * cross_entropy", "cross_entropy"),
    ("logit_regression", "the teacher not detached", "teacher(batch).logits.detach()", "teacher(batch).logits"),
]  # fmt: skip


@of.planted(FAULTS)
def test_each_planted_fault_turns_a_check_red(name, old, new):
    assert of.gone_red(name, old, new)


# what holds for all of them


GAME = Adversarial(inputs=64, hidden=8)
def test_equal_answers_leave_the_critic_nothing_to_learn():
    """Student equal to teacher: the least loss is 2 ln 2 at a score of 0, where its gradient with respect to the score is zero."""
    same(Adversarial(**NO_IMAGE).opponent_loss(Net(THREE, lambda a: 0 * a[..., :1]), Net(THREE), batch(1))["tell"], 2 * LN(2))
    bias = torch.zeros((), dtype=torch.double, requires_grad=True)
    found = Adversarial(**NO_IMAGE).opponent_loss(Net(THREE, lambda a: 0 * a[..., :1] + bias), Net(THREE), batch(1))["tell"]
    same(torch.autograd.grad(found, bias)[0], 0)


def test_shuffling_reaches_the_critic(toy_images, toy_teacher):
    """The critic of a shuffled teacher learns to accept the wrong pairs: it ends elsewhere than the plain one."""
    runs = [distill(small, toy_teacher, toy_images, s, seeds=(0,), recipe=SHORT) for s in (GAME, ShuffledTeacher(GAME))]
    assert gap(runs[0].model(0, "critic@0"), runs[1].model(0, "critic@0")) > 1e-3


def test_numbers_may_vary_in_a_grid(toy_images, toy_teacher):
    grid = [replace(GAME, weight=w, gradient_penalty=g, l2=d) for w, g, d in ((0.1, 0.0, 0.0), (5.0, 1.0, 0.1))]
    run = distill(small, toy_teacher, toy_images, Grid(grid), seeds=(3,), recipe=SHORT)
    for i, strategy in enumerate(grid):
        assert gap(run.model(i), distill(small, toy_teacher, toy_images, strategy, seeds=(3,), recipe=SHORT).model(0)) < 5e-5
    with pytest.raises(InputError, match="grid cannot vary opponent_steps"):
        distill(small, toy_teacher, toy_images, Grid([GAME, replace(GAME, opponent_steps=2)]), recipe=SHORT)


# two numbers as input, and a teacher that looks at the first: every direction gives the same distribution of answers


class Direction(nn.Module):
    def __init__(self, weight=None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2) if weight is None else torch.tensor(weight))

    def forward(self, x):
        z = (8 * x.flatten(1) - 4) @ self.weight
        return torch.stack([0 * z, z], -1)


def test_only_a_critic_that_sees_the_image_finds_the_teachers_direction():
    dots = (128 + 32 * torch.randn(2000, 1, 1, 2, generator=torch.Generator().manual_seed(0))).clamp(0, 255).round().to(torch.uint8)
    dots = ImageSet(dots, None, 2, "dots")
    recipe = Recipe(steps=500, lr=2e-2, opponent_lr=2e-2)
    play = lambda condition: distill(Direction, Direction([3.0, 0.0]), dots, Adversarial(condition=condition, inputs=2, hidden=32),
                                     seeds=range(6), recipe=recipe).fleet.params["student"]["weight"].detach()  # fmt: skip
    seeing, blind = play("image"), play("none")
    for found in (seeing, blind):
        assert (found.norm(dim=1) - 3).abs().median() < 0.6
    angle = lambda w: torch.atan2(w[:, 1], w[:, 0]).abs()
    assert angle(seeing).max() < 0.6 and angle(blind).median() > 0.7


BAD = {
    "inner": (lambda: Adversarial(3), "inner.*strategy without opponents.*3"),
    "inner with opponents": (lambda: Adversarial(Adversarial()), "inner.*without opponents"),
    "weight": (lambda: Adversarial(weight=-1.0), "weight.*at least 0"),
    "penalty weight": (lambda: Adversarial(gradient_penalty=-1.0), "gradient_penalty.*at least 0"),
    "l1": (lambda: Adversarial(l1=float("nan")), "l1.*finite"),
    "relabelled": (lambda: Adversarial(relabelled="yes"), "relabelled.*number"),
    "temperature": (lambda: Adversarial(temperature=0.0), "temperature.*greater than 0"),
    "condition": (lambda: Adversarial(condition="x"), "condition.*'image', 'label', 'none'.*'x'"),
    "penalty": (lambda: Adversarial(penalty="R1"), "penalty.*'between', 'teacher'.*'R1'"),
    "steps": (lambda: Adversarial(opponent_steps=0), "opponent_steps.*at least 1"),
    "watched": (lambda: Watched(SoftTargets()), "inner.*Adversarial.*SoftTargets"),
    "norm": (lambda: LogitRegression(norm=3), "norm.*1, 2.*3"),
    "labels": (lambda: LogitRegression(labels=-1.0), "labels.*at least 0"),
    "few seeds": (lambda: spread_ratio([1.0, 2.0, 4.0], [1.0, 2.0, 3.0]), "at least 4 seeds.*3 seeds"),
    "no spread": (lambda: spread_ratio([1.0, 1, 1, 1], [1.0, 2, 3, 4]), "vary"),
}


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_wrong_image_size_is_named(toy_images, toy_teacher):
    with pytest.raises(InputError, match="inputs must be 64 for these images, but 784"):
        distill(small, toy_teacher, toy_images, Adversarial(), recipe=SHORT)
    assert issubclass(Adversarial, Strategy)


# spread


def test_spread_by_hand():
    """Without correlation: arcosh(1 + 2 t²/(n - 2)) / 2 around ln 2, t the quantile 4.3027 for two degrees of freedom."""
    b = np.array([1.0, -1.0, -1.0, 1.0])
    found = spread_ratio(2 * np.array([1.0, 1.0, -1.0, -1.0]), b)
    half = 0.5 * math.acosh(1 + 2 * 4.302653**2 / 2)
    assert found.mean == pytest.approx(LN(2)) and (found.low, found.high) == pytest.approx((LN(2) - half, LN(2) + half), abs=1e-4)
    turned = spread_ratio(b, 2 * np.array([1.0, 1.0, -1.0, -1.0]))
    assert (turned.mean, turned.low, turned.high) == pytest.approx((-found.mean, -found.high, -found.low))
    assert distance_from_median([1.0, 5.0, 2.0, 9.0, 3.0]).tolist() == [2, 2, 1, 6, 0]


def test_spread_covers_what_it_says():
    make, inside, true = np.random.default_rng(0), 0, LN(1.5)
    for _ in range(1000):
        common = make.normal(size=12)
        a, b = 1.5 * (0.7 * common + math.sqrt(0.51) * make.normal(size=12)), 0.7 * common + math.sqrt(0.51) * make.normal(size=12)
        found = spread_ratio(torch.tensor(a), torch.tensor(b))
        inside += found.low < true < found.high
    assert 930 <= inside <= 970
