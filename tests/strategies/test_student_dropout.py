"""Dropout in the student: masks by hand, rate 0 as if it were not there, a fleet, and planted faults.

A check takes a module; the mutation test gives it a copy of that module with one fault planted in its source.
"""

from dataclasses import dataclass, replace

import pytest
import torch
from mutation import Checks
from torch import nn

from distill_helpers.checks import InputError
from distill_helpers.models import ResidualStudent, digits_student
from distill_helpers.models.dropped_student import DroppedStudent, dropped_digits_student
from distill_helpers.strategies import FunctionMatching, Grid, HardLabels, MarginalLoss, Mixup, MixupDistillation, SoftTargets, Strategy
from distill_helpers.strategies.contract import Batch
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.robust.student_dropout import StudentDropout
from distill_helpers.training import Recipe, distill
from distill_helpers.training.fleet import Student
from distill_helpers.training.randomness import build_seeded

SHORT = Recipe(steps=12, batch_size=16, lr=1e-2, check_every=6)
of = Checks("distill_helpers")
STRATEGY, MODEL = "student_dropout", "dropped_student"


def plain():
    return ResidualStudent(64, 8, 4, 2, 5)


def dropped():
    return DroppedStudent(64, 8, 4, 2, 5)


def gap(a, b):
    a, b = a.state_dict(), b.state_dict()
    return max((a[k] - b[k]).abs().max().item() for k in a if k in b)


@dataclass(frozen=True)
class Witness(Strategy):
    """Keeps nothing, learns nothing: its loss is the student's masks and what it drew."""

    needs_teacher = False

    def draw(self, x, generator):
        return {"chance": torch.rand(2, generator=generator), "share": torch.rand((), generator=generator)}

    def loss(self, student, teacher, batch):
        return {**student._state["student"], **batch.noise}

    opponent_loss = loss


def student_with(**masks):
    return Student({}, {"student": {"weight": torch.ones(3), **masks}, "critic": {}})


def batch(noise, x=None):
    x = torch.zeros(2, 1) if x is None else x
    index = torch.arange(len(x))
    return Batch(x, None, index, index, noise)


CHANCE = torch.tensor([[0.1, 0.6, 0.9], [0.5, 0.2, 0.3]])


@of(STRATEGY)
def masks_by_hand(m):
    student = student_with(mask_a=torch.ones(2), mask_b=torch.ones(1))
    for which in ("loss", "opponent_loss"):
        found = getattr(m.StudentDropout(Witness(), 0.5, units=3), which)(student, None, batch({"chance": CHANCE}))
        assert torch.equal(found["mask_a"], torch.tensor([[0.0, 2.0], [2.0, 0.0]]))
        assert torch.equal(found["mask_b"], torch.tensor([[2.0], [0.0]]))
        assert torch.equal(found["weight"], torch.ones(3)) and "chance" not in found
    both = student_with(mask_input=torch.ones(2), mask_b=torch.ones(1))
    found = m.StudentDropout(Witness(), 0.5, 0.2, 3).loss(both, None, batch({"chance": CHANCE}))
    assert torch.allclose(found["mask_input"], torch.tensor([[0.0, 1.25], [1.25, 1.25]]))
    assert torch.equal(found["mask_b"], torch.tensor([[2.0], [0.0]]))
    assert torch.equal(student._state["student"]["mask_a"], torch.ones(2)), "the student itself must stay as it was"


@of(STRATEGY)
def inner_keeps_its_names_and_its_numbers(m):
    x, seeded = torch.zeros(4000, 1), lambda: torch.Generator().manual_seed(3)
    alone = Witness().draw(x, seeded())
    outer = m.StudentDropout(m.StudentDropout(Witness(), units=3), units=3)
    drawn = outer.draw(x, seeded())
    assert len(drawn) == 4
    found = outer.loss(student_with(mask_a=torch.ones(3)), None, batch(drawn, x))
    assert torch.equal(found["chance"], alone["chance"]) and torch.equal(found["share"], alone["share"])
    assert drawn["chance"].shape == (4000, 3)
    assert abs(drawn["chance"].mean() - 0.5) < 0.02 and abs(drawn["chance"].std() - 12**-0.5) < 0.02
    assert (drawn["chance"][0] != drawn["chance"][1]).all()


def forward_by_hand(model, x, masks):
    h = model.stem(x.flatten(1) * masks["mask_input"])
    for number, block in enumerate(model.blocks, 1):
        h = h + (torch.relu(torch.relu(block.norm(h)) @ block.down.weight.T + block.down.bias) * masks[f"mask_block{number}"]) @ block.up.weight.T
        h = h + block.up.bias
    return (torch.relu(model.norm(h)) * masks["mask_embedding"]) @ model.head.weight.T + model.head.bias


def stirred(module, seed=0):
    """The module with every weight moved, so that nothing is zero."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in module.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    return module.eval()


@of(MODEL)
def the_model_by_hand(m):
    model = stirred(build_seeded(lambda: m.DroppedStudent(64, 8, 4, 2, 5), 0))
    x = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    ones = {name: torch.ones_like(mask) for name, mask in model.named_buffers()}
    assert list(ones) == ["mask_input", "mask_block1", "mask_block2", "mask_embedding"]
    assert torch.allclose(model(x), forward_by_hand(model, x, ones), atol=1e-5)
    masks = {name: torch.rand(6, mask.shape[-1]) for name, mask in ones.items()}
    given = torch.func.functional_call(model, masks, (x,), {"features": True})
    assert torch.allclose(given.logits, forward_by_hand(model, x, masks), atol=1e-5)
    assert torch.allclose(given.features["embedding"] @ model.head.weight.T + model.head.bias, given.logits, atol=1e-5)
    assert set(given.features) == {"stem", "block1", "block2", "embedding"}


@of(MODEL)
def passes_of_the_model(m):
    model = stirred(build_seeded(lambda: m.DroppedStudent(64, 8, 4, 2, 5), 0))
    x = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    sure = model.passes(x, 0.0, 5)
    assert sure.shape == (5, 3, 5) and torch.allclose(sure, model(x).expand(5, 3, 5), atol=1e-5)
    assert torch.equal(model.passes(x, 0.3, 4, seed=2), model.passes(x, 0.3, 4, seed=2))
    assert not torch.equal(model.passes(x, 0.3, 4, seed=2), model.passes(x, 0.3, 4, seed=3))
    little, much = (model.passes(x, rate, 400).std(0).mean() for rate in (0.05, 0.5))
    assert 0 < little < 0.7 * much
    # the head is linear, so with its masks alone the mean over passes is the answer without dropout, and the variance r/(1-r) · Σ (w h)²
    with torch.no_grad():
        for block in model.blocks:
            block.up.weight.zero_()
        answers = model.passes(x, 0.5, 4000)
        parts = model(x, features=True).features["embedding"].unsqueeze(1) * model.head.weight
    assert torch.allclose(answers.mean(0), model(x), atol=0.15)
    assert torch.allclose(answers.var(0), parts.square().sum(-1), rtol=0.15)
    assert all(torch.equal(mask, torch.ones_like(mask)) for mask in model.buffers())


@of.each
def test_check(name, check):
    check(of.original(name))


BLOCK = 'block.up(inner * getattr(self, f"mask_block{number}"))'
SEEN = 'self.norm(h).relu() * self.mask_embedding\n        logits = self.head(named["embedding"])'
SCALE, CHANCE_OF = ".to(part.dtype) / (1 - rate)", "torch.rand(len(rows), sum(hidden.values()), generator=generator)"
OPPONENT = 'self.inner.opponent_loss(self.thinned(student, batch.noise["chance"])'
FAULTS = [
    (STRATEGY, "no scaling", SCALE, ".to(part.dtype)"),
    (STRATEGY, "scaled by the rate", SCALE, ".to(part.dtype) / rate"),
    (STRATEGY, "scaled the wrong way", SCALE, ".to(part.dtype) * (1 - rate)"),
    (STRATEGY, "the others dropped", "part >= rate", "part < rate"),
    (STRATEGY, "one mask for the batch", "(part >= rate)", "(part[:1].expand_as(part) >= rate)"),
    (STRATEGY, "rates swapped", "self.input_rate if name", "self.rate if name"),
    (STRATEGY, "inputs spared", '"mask_")}', '"mask_") and name != "mask_input"}'),
    (STRATEGY, "the student itself changed", "state | masks}", "(state.update(masks), state)[1]}"),
    (STRATEGY, "masks forgotten", "state | masks", "state"),
    (STRATEGY, "names clash", "{INNER + name: value", "{name: value"),
    (STRATEGY, "inner sees other names", "k.removeprefix(INNER)", "k"),
    (STRATEGY, "dropout drawn first", "drawn = {INNER", "first = rand(1, generator=generator)\n        drawn = {INNER"),
    (STRATEGY, "normal chance", "rand(len(x)", "__import__('torch').randn(len(x)"),
    (STRATEGY, "opponents meet the whole student", OPPONENT, "self.inner.opponent_loss(student"),
    (MODEL, "inputs not masked", " * self.mask_input", ""),
    (MODEL, "passes drop inputs", ' if name != "mask_input"', ""),
    (MODEL, "block not masked", BLOCK, "block.up(inner)"),
    (MODEL, "mask after the block", BLOCK, 'block.up(inner) * getattr(self, f"mask_block{number}").mean(-1, keepdim=True)'),
    (MODEL, "embedding not masked", " * self.mask_embedding", ""),
    (MODEL, "first mask for all blocks", 'mask_block{number}"))', 'mask_block1"))'),
    (MODEL, "feature before its mask", SEEN, SEEN.replace(" * self.mask_embedding", "").replace('"])', '"] * self.mask_embedding)')),
    (MODEL, "passes not scaled", ".float() / (1 - rate)", ".float()"),
    (MODEL, "the same mask in every pass", CHANCE_OF, CHANCE_OF.replace("rows", "x") + ".repeat(count, 1)"),
    (MODEL, "seed forgotten", "manual_seed(seed)", "manual_seed(0)"),
    (MODEL, "passes and examples mixed up", "unflatten(0, (count, len(x)))", "unflatten(0, (len(x), count)).transpose(0, 1)"),
]  # fmt: skip


@of.planted(FAULTS)
def test_each_planted_fault_turns_a_check_red(name, old, new):
    assert of.gone_red(name, old, new)


def test_without_a_mask_it_is_the_course_student():
    ours, theirs = build_seeded(dropped_digits_student, 4), build_seeded(digits_student, 4)
    assert gap(theirs, ours) == 0 and sum(p.numel() for p in ours.parameters()) == 26_746
    x = torch.rand(5, 1, 28, 28)
    assert torch.equal(ours(x), theirs(x))
    ours.load_state_dict(theirs.state_dict(), strict=False)
    theirs.load_state_dict({k: v for k, v in ours.state_dict().items() if not k.startswith("mask")})


@dataclass(frozen=True)
class Attacked(Strategy):
    """Asks the student three times: two steps up the slope, then the loss."""

    needs_labels = True
    needs_teacher = False

    def loss(self, student, teacher, batch):
        x = batch.x
        for _ in range(2):
            x = x + 0.02 * torch.func.grad(lambda moved: cross_entropy(student(moved).logits, batch.y))(x).sign()
        return {"attacked": cross_entropy(student(x.detach()).logits, batch.y)}


@dataclass(frozen=True)
class Judged(Strategy):
    """A critic plays against the student."""

    opponents = ("critic",)

    def extras(self, student_outputs, teacher_outputs):
        return {"critic": nn.Linear(5, 1)}

    def loss(self, student, teacher, batch):
        return {"fool": -student.extra("critic", student(batch.x).logits.softmax(-1)).mean()}

    def opponent_loss(self, student, teacher, batch):
        return {
            "tell": (
                student.extra("critic", student(batch.x).logits.softmax(-1)) - student.extra("critic", teacher(batch).logits.softmax(-1))
            ).mean()
        }


INNER = [HardLabels(), SoftTargets(), Mixup(), MixupDistillation(), FunctionMatching(), Attacked(), Judged(),
         MarginalLoss(MixupDistillation()), MarginalLoss(Mixup()), MarginalLoss(SoftTargets())]  # fmt: skip
each = pytest.mark.parametrize("inner", INNER, ids=lambda s: s.name)


@each
def test_together_equals_alone(inner, toy_images, toy_teacher):
    strategy = StudentDropout(inner, 0.3, 0.2, 80)
    together = distill(dropped, toy_teacher, toy_images, strategy, seeds=(2, 5, 7), recipe=SHORT)
    alone = distill(dropped, toy_teacher, toy_images, strategy, seeds=(5,), recipe=SHORT)
    for name in together.fleet.skeletons:
        assert gap(together.model(1, name), alone.model(0, name)) < 5e-5
    assert gap(together.model(0), together.model(1)) > 1e-3
    assert all(values.isfinite().all() for values in together.history.values())
    assert all(torch.equal(mask, torch.ones_like(mask)) for mask in together.model(1).buffers())
    x = toy_images.x
    assert torch.allclose(together.predict(x)[1], together.model(1)(x), atol=1e-5)


@each
def test_rate_zero_is_not_there(inner, toy_images, toy_teacher):
    with_it = distill(dropped, toy_teacher, toy_images, StudentDropout(inner, 0.0, units=80), seeds=(2, 5), recipe=SHORT)
    without = distill(plain, toy_teacher, toy_images, inner, seeds=(2, 5), recipe=SHORT)
    assert gap(without.model(1), with_it.model(1)) < 1e-6
    much = distill(dropped, toy_teacher, toy_images, StudentDropout(inner, 0.5, units=80), seeds=(2, 5), recipe=SHORT)
    assert gap(without.model(1), much.model(1)) > 1e-3
    assert with_it.parameters == without.parameters and with_it.extra_parameters == without.extra_parameters


def test_rates_may_vary_in_a_grid(toy_images):
    grid = [StudentDropout(rate=0.0, units=80), StudentDropout(rate=0.4, units=80)]
    run = distill(dropped, None, toy_images, Grid(grid), seeds=(3,), recipe=SHORT)
    for i, strategy in enumerate(grid):
        assert gap(run.model(i), distill(dropped, None, toy_images, strategy, seeds=(3,), recipe=SHORT).model(0)) < 5e-5


def test_masks_change_from_step_to_step_and_from_seed_to_seed(toy_images):
    seen = []

    @dataclass(frozen=True)
    class Look(HardLabels):
        def loss(self, student, teacher, batch):
            seen.append(student._state["student"]["mask_embedding"].clone())
            return super().loss(student, teacher, batch)

    for seed in (0, 1):
        distill(dropped, None, toy_images, StudentDropout(Look(), 0.5, units=80), seeds=(seed,), recipe=replace(SHORT, steps=2))
    assert seen[0].shape == (16, 8) and set(seen[0].unique().tolist()) == {0.0, 2.0}
    assert not torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2])


def test_what_inner_declares_is_passed_on():
    wrapped = StudentDropout(MarginalLoss(SoftTargets()), 0.3)
    assert wrapped.needs_labels and wrapped.needs_teacher and set(wrapped.signals) == {"labels", "outputs", "features"}
    assert not StudentDropout().needs_teacher and StudentDropout(Judged()).opponents == ("critic",)
    assert "MarginalLoss" in wrapped.name and "rate=0.3" in wrapped.name


@pytest.mark.parametrize(("call", "words"), {
    "inner": (lambda: StudentDropout(3), "inner.*strategy.*3"),
    "rate above": (lambda: StudentDropout(rate=1.5), "rate.*from 0 to 1"),
    "rate one": (lambda: StudentDropout(rate=1.0), "^rate must be less than 1"),
    "input rate": (lambda: StudentDropout(input_rate=1.0), "input_rate must be less than 1"),
    "units": (lambda: StudentDropout(units=0), "units.*at least 1"),
    "passes rate": (lambda: dropped().passes(torch.zeros(1, 64), 1, 3), "rate must be less than 1"),
    "passes count": (lambda: dropped().passes(torch.zeros(1, 64), 0.1, 0), "count.*at least 1"),
}.values())  # fmt: skip
def test_bad_input_is_named(call, words):
    with pytest.raises(InputError, match=words):
        call()


def test_students_that_do_not_fit_are_named(toy_images):
    with pytest.raises(InputError, match="student must have masks.*DroppedStudent"):
        distill(plain, None, toy_images, StudentDropout(units=80), recipe=SHORT)
    with pytest.raises(InputError, match="units must be 80.*832"):
        distill(dropped, None, toy_images, StudentDropout(), recipe=SHORT)
    with pytest.raises(InputError, match="outermost.*Remembered"):
        distill(dropped, None, toy_images, MarginalLoss(StudentDropout(units=80)), recipe=SHORT)
