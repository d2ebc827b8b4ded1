"""On a GPU: every strategy of the tournament trains there, without waiting for the device in a step, and to the numbers of the CPU.

Left out where there is none. Run them with ``python -m pytest tests -m gpu``.
"""

from dataclasses import replace

import pytest
import torch

from distill_helpers.comparison import Redrawn, compare
from distill_helpers.course.entries import ENTRIES
from distill_helpers.course.few_labels import BUDGETS, STUDENTS, TEACHERS
from distill_helpers.data import load_digits, make_views
from distill_helpers.models import BigMLP, digits_student
from distill_helpers.models.small_conv import digits_conv_teacher
from distill_helpers.strategies import FitNets, HardLabels, Relational, SimilarityPreserving, SoftTargets, Strategy
from distill_helpers.strategies.contract.wrapper import Wrapper
from distill_helpers.training import Recipe, Teacher, distill, fit
from distill_helpers.training.loop import Loop
from distill_helpers.training.randomness import build_seeded
from distill_helpers.training.stores import TopK

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]

PAIR = {"student_layers": "embedding", "teacher_layers": "hidden2"}


@pytest.fixture(scope="module")
def views():
    return make_views(load_digits().train.per_class(10, seed=0), 4, 2)


@pytest.fixture(scope="module")
def teachers(views):
    """Small ones that have learnt a little."""
    found = {}
    for name, build in {"big": lambda: BigMLP(784, 64, 2, 10, dropout=0.2), "maps": digits_conv_teacher, "twin": digits_student,
                        "assistant": lambda: BigMLP(784, 32, 2, 10)}.items():  # fmt: skip
        found[name] = build_seeded(build, 0)
        fit(found[name], views, Recipe(steps=150, batch_size=32), device="cuda", progress=False)
    return found


@pytest.fixture
def no_waiting(monkeypatch):
    """Whatever waits for the device within a step raises; the first step of a loop may, since it proves things."""
    plain, seen = Loop.one_step, []

    def watched(self, step):
        self.schedule(step)
        if id(self) not in seen:
            seen.append(id(self))
            return plain(self, step)
        torch.cuda.set_sync_debug_mode("error")
        try:
            return plain(self, step)
        finally:
            torch.cuda.set_sync_debug_mode("default")

    monkeypatch.setattr(Loop, "one_step", watched)


def draws(strategy) -> bool:
    """Whether a strategy, one inside it or one of its stages makes random numbers, which differ from device to device."""
    inside = [v for v in vars(strategy).values() if isinstance(v, Strategy)] + [s for s, _ in getattr(strategy, "stages", ())]
    own = isinstance(strategy, Strategy) and type(strategy).draw not in (Strategy.draw, Wrapper.draw)
    return own or any(draws(one) for one in inside)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_trains_there(name, views, teachers, no_waiting):
    entry = ENTRIES[name]
    strategy, recipe = entry.make(**entry.choices[0]), replace(BUDGETS[entry.division], batch_size=16, precision="float32", check_every=100)
    if hasattr(strategy, "stages"):
        ends = [(s, 4) for s, _ in strategy.stages]
        strategy, steps = type(strategy)(*ends), 4 * len(ends)
    else:
        steps = 8
    recipe = replace(recipe, steps=steps, lr=1e-3)
    guide = teachers[entry.guide] if entry.teacher else None
    there, here = (distill(entry.build, guide, views, strategy, seeds=(0, 1), recipe=recipe, device=d, progress=False) for d in ("cuda", "cpu"))
    assert there.fleet.params["student"][next(iter(there.fleet.params["student"]))].is_cuda
    assert all(values.isfinite().all() for values in there.history.values())
    assert there.why_alone == here.why_alone
    if not draws(strategy) and not there.parts:
        for term, values in here.history.items():
            torch.testing.assert_close(there.history[term], values, rtol=0.05, atol=0.02, msg=lambda m, t=term: f"{name}, {t}: {m}")
    assert there.predict(views).shape == (2, len(views), 10)
    assert there.model(0)(views.pixels[0, :4].cuda().float() / 255).shape == (4, 10)


@pytest.mark.parametrize("precision", ["auto", "bf16", "float32"])
def test_a_comparison_with_teachers_of_its_own(precision, views, no_waiting):
    arms = {"labels": HardLabels(), "soft": SoftTargets(), "relations": Relational(**PAIR), "similar": SimilarityPreserving(**PAIR),
            "hints": FitNets(**PAIR)}  # fmt: skip
    teacher = Redrawn(lambda: BigMLP(784, 64, 2, 10), Recipe(steps=20, batch_size=16, precision=precision))
    test = load_digits().validation
    recipe = Recipe(steps=30, batch_size=16, lr=1e-3, precision=precision, clip_norm=1.0)
    found = compare(digits_student, teacher, views, arms, test=test, replicates=3, labelled=60, recipe=recipe, device="cuda", progress=False)
    assert found.outcomes.shape == (3, 5, len(test)) and not found.diverged.any() and not found.runs[0].parts
    assert found.scores["accuracy"].mean() > 0.12


def test_the_cpu_gives_the_same_in_double_precision(views):
    student, guide = lambda: digits_student().double(), BigMLP(784, 64, 2, 10).double()
    recipe = Recipe(steps=20, batch_size=16, lr=1e-3, precision="float32")
    arms = {"soft": SoftTargets(), "relations": Relational(**PAIR), "hints": FitNets(**PAIR)}
    given = dict(test=load_digits().validation, replicates=2, recipe=recipe, progress=False)
    there, here = (compare(student, Teacher(guide), views, arms, **given, device=d) for d in ("cuda", "cpu"))
    for arm in arms:
        a, b = there.model(arm, 1).cpu().state_dict(), here.model(arm, 1).state_dict()
        assert max((a[k] - b[k]).abs().max().item() for k in a) < 1e-3, arm


@pytest.mark.parametrize("store", ["memory", "half", "mapped", TopK(3)], ids=str)
def test_stores_on_a_gpu(store, views, teachers):
    pool = views.to("cuda")
    teacher = Teacher(teachers["big"]).over(pool, features=("hidden2",), store=store)
    view, index = torch.zeros(5, dtype=torch.int64, device="cuda"), torch.arange(5, device="cuda")
    rows = teacher.rows(view, index)
    wanted = Teacher(teachers["big"]).over(views, features=("hidden2",), store=store).rows(view.cpu(), index.cpu())
    assert rows.logits.is_cuda and rows.features["hidden2"].is_cuda
    torch.testing.assert_close(rows.logits.cpu().softmax(-1), wanted.logits.softmax(-1), atol=1e-2, rtol=0)


def test_a_checkpoint_goes_on_there(views, teachers, tmp_path):
    class Enough(Exception):
        pass

    def leave(run):
        if run.step == 10:
            raise Enough

    call = dict(seeds=(0, 1), recipe=Recipe(steps=20, batch_size=16, check_every=5), device="cuda", progress=False)
    whole = distill(digits_student, teachers["big"], views, SoftTargets(), **call)
    with pytest.raises(Enough):
        distill(digits_student, teachers["big"], views, SoftTargets(), **call, watch=leave, checkpoint=tmp_path / "kept")
    again = distill(digits_student, teachers["big"], views, SoftTargets(), **call, checkpoint=tmp_path / "kept")
    for a, b in zip(whole.fleet.params["student"].values(), again.fleet.params["student"].values(), strict=True):
        assert torch.equal(a, b)


def test_a_net_that_cannot_be_stacked(views, no_waiting):
    net = lambda: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 16), torch.nn.BatchNorm1d(16), torch.nn.ReLU(),
                                      torch.nn.Dropout(0.2), torch.nn.Linear(16, 10))  # fmt: skip
    recipe = Recipe(steps=12, batch_size=16)
    one, two = (distill(net, None, views, HardLabels(), seeds=(0, 1), recipe=recipe, device="cuda", progress=False) for _ in range(2))
    assert one.parts and all(torch.equal(a, b) for a, b in zip(one.model(1).parameters(), two.model(1).parameters(), strict=True))


def test_fit_leaves_the_model_where_it_was(views):
    model = digits_student()
    run = fit(model, views, Recipe(steps=30, batch_size=32), device="cuda", progress=False)
    assert not next(model.parameters()).is_cuda and run.history["hard"][-1].isfinite().all()
    assert run.history["hard"][-5:].mean() < run.history["hard"][:5].mean()


def test_the_guides_train_there():
    for name in ("big", "maps"):
        model = TEACHERS[name]()
        test = load_digits().test
        model = model.cuda().eval()
        with torch.no_grad():
            right = (model(test.x.cuda()).argmax(-1).cpu() == test.labels).float().mean()
        assert right > 0.9 and set(STUDENTS) == {"perceptron", "convolutional"}
