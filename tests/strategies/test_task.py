"""The task of the data in every strategy: class weights, an ignore index, and answers to sequences and maps."""

import inspect
from dataclasses import dataclass, fields

import pytest
import torch
from examined import settings
from stand_ins import Net, batch, random, same
from torch import nn
from torch.func import vmap
from torch.nn import functional as F

from distill_helpers import strategies
from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import Batch, Strategy, Task
from distill_helpers.strategies.contract.divergences import cross_entropy, kl_from_logits, smoothed_cross_entropy
from distill_helpers.strategies.contract.schedule import Stages
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.strategies.critics.discriminator import Adversarial, Alone
from distill_helpers.strategies.critics.watched import Watched

CLASSES = 5
WEIGHTS = torch.tensor([0.5, 2.0, 1.0, 3.0, 0.25], dtype=torch.double)
SHAPES = [(6,), (3, 4), (2, 3, 4)]


def drawn(shape, seed=1):
    logits = 2 * random(seed, *shape, CLASSES)
    return logits, torch.randint(CLASSES, shape, generator=torch.Generator().manual_seed(seed))


def in_torch(logits, labels, task, smoothing=0.0):
    ignored = -100 if task.ignore_index is None else task.ignore_index
    return F.cross_entropy(logits.movedim(-1, 1), labels, weight=task.class_weights, ignore_index=ignored, label_smoothing=smoothing)


# ---- means over labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("task", [Task(), Task(WEIGHTS), Task(None, 3), Task(WEIGHTS, 0), Task(WEIGHTS, -100)], ids=str)
def test_cross_entropy_is_torch_s(shape, task):
    logits, labels = drawn(shape)
    if task.ignore_index == -100:
        labels.view(-1)[::3] = -100
    for ours, theirs in (
        (lambda z: cross_entropy(z, labels, task), lambda z: in_torch(z, labels, task)),
        (lambda z: smoothed_cross_entropy(z, labels, 0.3, task), lambda z: in_torch(z, labels, task, 0.3)),
    ):
        z = logits.clone().requires_grad_()
        values = ours(z), theirs(z)
        torch.testing.assert_close(*values)
        torch.testing.assert_close(*(torch.autograd.grad(v, z)[0] for v in values))


def test_without_a_task_it_is_the_same_to_the_last_digit():
    logits, labels = (t.float() if t.is_floating_point() else t for t in drawn((7,)))
    wanted = -logits.log_softmax(-1).gather(-1, labels.unsqueeze(-1)).mean()
    assert torch.equal(cross_entropy(logits, labels), wanted) and torch.equal(cross_entropy(logits, labels, Task()), wanted)


@pytest.mark.parametrize("task", [Task(None, -1), Task(WEIGHTS, -1)], ids=["ignored", "and weighted"])
def test_labels_that_all_say_nothing_cost_nothing(task):
    logits, labels = drawn((6,))
    for loss in (cross_entropy(logits.requires_grad_(), labels * 0 - 1, task), smoothed_cross_entropy(logits, labels * 0 - 1, 0.2, task)):
        (slope,) = torch.autograd.grad(loss, logits)
        assert loss == 0 and (slope == 0).all()


def test_means_map_over_students():
    logits, labels = drawn((4, 6))
    labels[:, ::4] = -100
    task = Task(WEIGHTS, -100)
    found = vmap(lambda z, y: cross_entropy(z, y, task))(logits, labels)
    torch.testing.assert_close(found, torch.stack([in_torch(z, y, task) for z, y in zip(logits, labels, strict=True)]))


def test_shapes_that_do_not_fit_are_named():
    logits, labels = drawn((6,))
    for wrong in (labels.unsqueeze(-1), labels[:5], labels.view(2, 3)):
        for loss in (cross_entropy, lambda z, y: smoothed_cross_entropy(z, y, 0.1)):
            with pytest.raises(InputError, match=r"labels must have the outputs' shape.*\(6, 5\)"):
                loss(logits, wrong)
    with pytest.raises(InputError, match="labels must have"):  # classes second, as other losses take them
        cross_entropy(random(1, 2, CLASSES, 8, 8), torch.zeros(2, 8, 8, dtype=torch.long))
    with pytest.raises(InputError, match="class_weights must be one number for each of 5"):
        cross_entropy(logits, labels, Task(WEIGHTS[:3]))
    with pytest.raises(InputError, match=r"teacher must answer.*\(6, 5\).*\(6, 4\)"):
        kl_from_logits(logits[:, :4], logits)


# ---- every strategy ------------------------------------------------------------------------------------------------------------

STUDENT, TEACHER = random(11, 16, CLASSES + 8), random(12, 16, CLASSES + 12)
MAPS = random(13, 2, 6), random(14, 2, 9)


def answers(weights, maps, x):
    """Logits, an embedding and maps of x [B, 1, 4, 4]."""
    flat = x.flatten(1) @ weights
    grid = (x * maps[0].view(-1, 1, 1) + maps[1].view(-1, 1, 1)).sin()
    stages = {f"stage{i}{end}": i * grid for i in (1, 2, 3) for end in ("", "_pre")}
    return 2 * flat[:, :CLASSES], {"embedding": flat[:, CLASSES:], "hidden2": flat[:, CLASSES:], **stages}


class Model(Net):
    """A stand-in with all kinds of features, and the extras that a strategy builds."""

    def __init__(self, weights, maps, extras=()):
        logits = lambda x: answers(weights, maps, x)[0]
        names = ("embedding", "hidden2", *(f"stage{i}{end}" for i in (1, 2, 3) for end in ("", "_pre")))
        super().__init__(logits, {n: (lambda x, n=n: answers(weights, maps, x)[1][n]) for n in names}, **dict(extras))
        self.weights = weights

    def parameters(self):
        return {"weight": self.weights}


# they need a prepared teacher or a student with masks: see examine
NOT_RUN = ("FactorTransfer", "ClassMeanTeacher", "StudentDropout", "DenselyGuided")
LABELLED = {name: s for name, s in settings().items() if s.needs_labels}
HONOURING = [name for name, s in LABELLED.items() if s.honours_task and type(s).__name__ not in NOT_RUN]


def test_strategies_on_labels_follow_the_task():
    not_yet = {type(s).__name__ for s in LABELLED.values() if not s.honours_task} - {"ConditionalGan"}
    how = "once every use of labels follows batch.task: cross_entropy(..., batch.task), or what strategies/contract/label_means.py has"
    assert not not_yet, f"{', '.join(sorted(not_yet))}: say honours_task = True {how}"


def found(strategy, labels, task, weights=STUDENT, x=None):
    """All terms of one strategy on twelve images, and the gradient at the student's weights."""
    x = random(3, 12, 1, 4, 4).sigmoid() if x is None else x
    weights = weights.clone().requires_grad_()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        extras = strategy.extras(Model(STUDENT, MAPS[0])(x), Model(TEACHER, MAPS[1])(x))
    extras = {name: module.double() for name, module in extras.items()}
    student, teacher = Model(weights, MAPS[0], extras), Model(TEACHER, MAPS[1])
    noise = {k: v.double() if v.is_floating_point() else v for k, v in strategy.draw(x, torch.Generator().manual_seed(4)).items()}
    given = batch(x, labels, noise, 0.3)._replace(task=task)
    terms = strategy.loss(student, teacher, given)
    if strategy.opponents:
        terms |= {f"opponent {name}": value for name, value in strategy.opponent_loss(student, teacher, given).items()}
    assert all(value.shape == () for value in terms.values())
    (slope,) = torch.autograd.grad(sum(terms.values()), weights, allow_unused=True)
    return {**{k: v.detach() for k, v in terms.items()}, "slope": slope}


def equal(a, b):
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], msg=lambda text, name=name: f"{name}: {text}")


def differ(a, b):
    return [name for name in a if not torch.allclose(a[name], b[name], rtol=1e-6, atol=1e-9)]


LABELS = torch.tensor([0, 1, 2, 3, 0, 1, 2, 3, 1, 1, 0, 2])  # nothing is a 4


@pytest.mark.parametrize("name", HONOURING)
def test_ignored_labels_have_no_influence(name):
    """Whatever stands for "says nothing", a class of its own or no class at all, gives the same numbers; and they are not those of a class."""
    hidden = torch.arange(12) % 3 == 1
    marked = lambda value: torch.where(hidden, value, LABELS)
    wanted = found(LABELLED[name], marked(-100), Task(None, -100))
    assert all(v.isfinite().all() for v in wanted.values())
    for value in (4, -1, 255):
        equal(found(LABELLED[name], marked(value), Task(None, value)), wanted)
    assert differ(found(LABELLED[name], marked(4), Task()), wanted)
    nothing = found(LABELLED[name], torch.full_like(LABELS, -100), Task(None, -100))
    assert all(v.isfinite().all() for v in nothing.values())


@pytest.mark.parametrize("name", HONOURING)
def test_class_weights_count(name):
    """Equal weights of any size change nothing; unequal ones do; a class of weight 0 has no say in its images' labels."""
    strategy, plain = LABELLED[name], found(LABELLED[name], LABELS, Task())
    equal(found(strategy, LABELS, Task(torch.full((CLASSES,), 7.0, dtype=torch.double))), plain)
    assert differ(found(strategy, LABELS, Task(WEIGHTS)), plain)


ONLY_LABELS = ["HardLabels", "LabelSmoothing", "AdditiveMargin", "TeacherFree", "ConfidenceWeighted", "DecoupledDistillation", "MutualLearning"]


@pytest.mark.parametrize("name", ONLY_LABELS)
def test_losses_of_labels_alone_are_those_of_the_labelled_part(name):
    hidden = torch.arange(12) % 3 == 1
    x = random(3, 12, 1, 4, 4).sigmoid()
    some = found(LABELLED[name], torch.where(hidden, -100, LABELS), Task(None, -100), x=x)
    part = found(LABELLED[name], LABELS[~hidden], Task(), x=x[~hidden])
    for term in set(some) - {"slope", "mutual", "peer mutual"}:
        same(some[term], part[term])


def test_attacks_and_input_gradients_leave_unlabelled_images_alone():
    hidden = torch.arange(12) % 3 == 1
    labels, x = torch.where(hidden, -100, LABELS), random(3, 12, 1, 4, 4).sigmoid()
    attack = inspect.getmodule(strategies.AdversarialTraining).attack
    start = random(5, *x.shape).clamp(-1, 1)
    moved = attack(Model(STUDENT, MAPS[0]), x, labels.where(~hidden, -100), start, 0.1, 3, Task(None, -100))
    begun = (x + 0.1 * start).clamp(0, 1)
    torch.testing.assert_close(moved[hidden], begun[hidden])
    assert ((moved - begun)[~hidden].flatten(1).abs().amax(1) > 1e-3).all()
    of = lambda y, task, rows: strategies.GradientAttention(1.0, 0).loss(
        Model(STUDENT, MAPS[0]), Model(TEACHER, MAPS[1]), batch(x[rows], y[rows])._replace(task=task))["attention"]  # fmt: skip
    same(of(labels, Task(None, -100), slice(None)), of(LABELS, Task(), ~hidden))


def test_pairs_with_an_unlabelled_example_are_left_out():
    hidden = torch.arange(12) % 3 == 1
    marginal = inspect.getmodule(strategies.MarginalLoss).marginal
    e = random(6, 12, 4)
    same(marginal(e, torch.where(hidden, -100, LABELS), 0.3, 1.2, Task(None, -100)), marginal(e[~hidden], LABELS[~hidden], 0.3, 1.2))
    x = random(3, 12, 1, 4, 4).sigmoid()
    whole = found(strategies.MarginalLoss(), torch.where(hidden, -100, LABELS), Task(None, -100), x=x)
    part = found(strategies.MarginalLoss(), LABELS[~hidden], Task(), x=x[~hidden])
    equal(whole, part)


@pytest.mark.parametrize("adjustment", ["shift", "smooth"])
def test_answers_to_unlabelled_images_are_not_adjusted(adjustment):
    strategy, hidden = strategies.AdjustedTargets(adjustment=adjustment), torch.arange(12) % 3 == 1
    nothing = found(strategy, torch.full_like(LABELS, -100), Task(None, -100))
    same(nothing["soft"], found(strategies.SoftTargets(), LABELS, Task())["soft"])
    x = random(3, 12, 1, 4, 4).sigmoid()
    of = lambda s, rows: found(s, LABELS[rows], Task(), x=x[rows])["soft"] * rows.sum() / 12
    some = found(strategy, torch.where(hidden, -100, LABELS), Task(None, -100), x=x)["soft"]
    same(some, of(strategy, ~hidden) + of(strategies.SoftTargets(), hidden))


def test_relabelling_teaches_no_label_where_there_is_none():
    relabelled = inspect.getmodule(strategies.Relabelled).relabelled
    sure = 50 * torch.eye(CLASSES, dtype=torch.double)[[2, 2, 2]]
    assert relabelled(sure, torch.tensor([0, -100, 1]), 0.9, Task(None, -100)).tolist() == [2, -100, 2]


# ---- sequences -----------------------------------------------------------------------------------------------------------------

ON_OUTPUTS = [
    strategies.HardLabels(), strategies.SoftTargets(), strategies.LabelSmoothing(), strategies.AdditiveMargin(), strategies.AdjustedTargets(),
    strategies.AdjustedTargets(adjustment="smooth"), strategies.BornAgain(0.5), strategies.ConfidenceWeighted(), strategies.DecoupledDistillation(),
    strategies.RelationalMatching(), strategies.LogitRegression(labels=1.0), strategies.LogitRegression(labels=1.0, norm=1),
    strategies.StandardisedTargets(), strategies.Relabelled(), strategies.ScheduledTemperature(), strategies.AnnealingDistillation(),
    strategies.TeacherFree(),
]  # fmt: skip
IDS = [s.name for s in ON_OUTPUTS]


def on_outputs(strategy, s, t, y, task=None, x=None):
    s = s.clone().requires_grad_()
    given = batch(torch.zeros(len(s), 1) if x is None else x, y, progress=0.3)._replace(task=task or Task())
    terms = strategy.loss(Net(s), Net(t), given)
    return [*terms.values(), torch.autograd.grad(sum(terms.values()), s)[0]]


@pytest.mark.parametrize("shape", SHAPES[1:], ids=str)
@pytest.mark.parametrize("task", [Task(), Task(WEIGHTS, 3)], ids=["plain", "task"])
@pytest.mark.parametrize("strategy", ON_OUTPUTS, ids=IDS)
def test_sequences_and_maps_are_means_over_all_their_answers(strategy, task, shape):
    (s, y), (t, _) = drawn(shape, 1), drawn(shape, 2)
    whole = on_outputs(strategy, s, t, y, task)
    flat = on_outputs(strategy, s.flatten(0, -2), t.flatten(0, -2), y.flatten(), task)
    for a, b in zip(whole[:-1], flat[:-1], strict=True):
        torch.testing.assert_close(a, b)
    torch.testing.assert_close(whole[-1].flatten(0, -2), flat[-1])


@pytest.mark.parametrize("strategy", ON_OUTPUTS, ids=IDS)
def test_a_teacher_of_another_shape_and_labels_of_another_are_refused(strategy):
    (s, y), (t, _) = drawn((3, 4), 1), drawn((3, 4), 2)
    if strategy.needs_teacher and not isinstance(strategy, strategies.ConfidenceWeighted):  # which looks at the largest alone
        with pytest.raises(InputError, match="teacher must answer|labels must have"):
            on_outputs(strategy, s, t[:, :, :4], y)
    if strategy.needs_labels:
        with pytest.raises(InputError, match="labels must have"):
            on_outputs(strategy, s, t, y[:, :1])


TOKENS = torch.zeros(3, 4, dtype=torch.long)
REFUSED = [
    ("outputs", strategies.PermutedDarkKnowledge(classes=CLASSES), "one answer for each example"),
    ("outputs", strategies.JacobianMatching(), "one answer for each example"),
    ("outputs", Adversarial(strategies.HardLabels()), "one answer for each example"),
    ("outputs", strategies.MarginalLoss(), "labels must be one for each example"),
    ("inputs", strategies.Mixup(), "inputs of real numbers"),
    ("inputs", strategies.MixupDistillation(), "inputs of real numbers"),
    ("inputs", strategies.FunctionMatching(), "inputs of real numbers"),
    ("inputs", strategies.AdversarialTraining(), "inputs of real numbers"),
    ("inputs", strategies.RobustDistillation(), "inputs of real numbers"),
    ("inputs", strategies.VirtualAdversarial(), "inputs of real numbers"),
    ("inputs", strategies.JacobianMatching(), "inputs of real numbers"),
    ("inputs", strategies.GradientAttention(), "inputs of real numbers"),
]


@pytest.mark.parametrize(("what", "strategy", "message"), REFUSED, ids=[f"{what}: {s.name}" for what, s, _ in REFUSED])
def test_what_needs_one_answer_or_real_inputs_says_so(what, strategy, message):
    (s, y), (t, _) = drawn((3, 4), 1), drawn((3, 4), 2)
    x = TOKENS if what == "inputs" else torch.zeros(3, 4)
    with pytest.raises(InputError, match=message):
        student, teacher = Net(s, {"embedding": random(1, 3, 4, 2)}), Net(t)
        strategy.extras(student(x), teacher(x))
        noise = strategy.draw(torch.zeros(x.shape), torch.Generator().manual_seed(0))
        strategy.loss(student, teacher, batch(x, y, noise))


# ---- what wrappers pass on -----------------------------------------------------------------------------------------------------


class Told(Exception):
    pass


@dataclass(frozen=True)
class Odd(Strategy):
    """Declares something unusual in every attribute of the contract, and says which batch it was given."""

    signals = ("odd",)
    needs_labels = True
    needs_teacher = True
    teacher_features = ("odd feature",)
    opponents = ()
    opponent_steps = 3
    opponent_every = 7
    honours_task = True

    def loss(self, student, teacher, batch):
        raise Told(batch)

    def extras(self, student_outputs, teacher_outputs):
        return {"odd": nn.Identity()}

    def draw(self, x, generator):
        return {"odd": torch.ones(len(x))}

    def prepare_teacher(self, teacher):
        return (teacher, "odd")


@dataclass(frozen=True)
class Plain(Odd):
    """The other value of everything that is yes or no."""

    needs_labels = False
    needs_teacher = False
    honours_task = False


@dataclass(frozen=True)
class OnLogits(Odd):
    """As Odd, for a wrapper that takes strategies on logits alone."""

    teacher_features = ()


def wrappers(kind=Wrapper):
    below = [w for sub in kind.__subclasses__() for w in (sub, *wrappers(sub))]
    return [w for w in below if w.__module__.startswith("distill_helpers")]


def around(kind, inner):
    """The wrapper around ``inner``, or None where it takes none such."""
    try:
        return kind(inner=Adversarial(inner)) if kind is Watched else kind(inner=inner)
    except InputError:
        return None


CONTRACT = sorted(Strategy.__annotations__)
OWN = {(Adversarial, "opponents"), (Adversarial, "opponent_steps"), (Watched, "opponents"), (Watched, "opponent_steps")}  # the critic's


@pytest.mark.parametrize("kind", [*wrappers(), strategies.Combined], ids=lambda kind: kind.__name__)
def test_every_attribute_of_the_contract_is_passed_on(kind):
    assert set(CONTRACT) <= set(vars(Odd)), "a new attribute of the contract needs an unusual value in Odd"
    for inner in (OnLogits() if kind is strategies.ClassMeanTeacher else Odd(), Plain()):
        outer = strategies.Combined((inner, Alone())) if kind is strategies.Combined else around(kind, inner)
        if outer is None:
            assert isinstance(inner, Plain)
            continue
        for name in CONTRACT:
            wanted, got = getattr(inner, name), getattr(outer, name)
            if (kind, name) in OWN or (kind is strategies.Combined and name.startswith("opponent")):
                continue
            if isinstance(wanted, tuple):
                assert set(wanted) <= set(got), name
            elif name in ("needs_labels", "needs_teacher"):
                assert got or not wanted, name
            else:
                assert got == wanted, name


def test_combined_follows_the_task_only_if_all_parts_do():
    follows = lambda *parts: strategies.Combined(parts).honours_task
    assert follows(Odd(), Alone()) and not follows(Plain(), Alone()) and not follows(Odd(), Plain())


SPECIAL = ("StudentDropout", "Watched", "ClassMeanTeacher")


@pytest.mark.parametrize("kind", [w for w in wrappers() if w.__name__ not in SPECIAL], ids=lambda kind: kind.__name__)
def test_the_task_reaches_the_inner_strategy(kind):
    outer, x = around(kind, Odd()), random(3, 12, 1, 4, 4).sigmoid()
    noise = {k: v.double() if v.is_floating_point() else v for k, v in outer.draw(x, torch.Generator().manual_seed(1)).items()}
    student = Model(STUDENT, MAPS[0], {"critic": lambda *given: torch.zeros(12, 1 + CLASSES, dtype=torch.double)})
    with pytest.raises(Told) as told:
        outer.loss(student, Model(TEACHER, MAPS[1]), batch(x, LABELS, noise, 0.3)._replace(task=Task(WEIGHTS, 3)))
    assert told.value.args[0].task.ignore_index == 3 and told.value.args[0].progress == 0.3


def test_batches_are_rebuilt_with_all_their_fields():
    inner_batch = inspect.getmodule(strategies.StudentDropout).inner_batch
    whole = Batch(*(f"{name}" if name != "noise" else {"inner odd": 1} for name in Batch._fields))
    assert inner_batch(whole) == whole._replace(noise={"odd": 1})
    assert [f.name for f in fields(strategies.StudentDropout)] == ["inner", "rate", "input_rate", "units"]


def test_stages_ask_for_whole_steps():
    with pytest.raises(InputError, match="whole number"):
        Stages((Odd(), 2.5))
