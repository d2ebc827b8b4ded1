"""The teacher: any module, any form of answer, any type; its stores; and teachers that are made from it."""

import copy
import gc
import math
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.func import grad, stack_module_state, vmap

from distill_helpers.checks import InputError
from distill_helpers.data import ImageSet, make_views
from distill_helpers.data.devices import same_device
from distill_helpers.models import BigMLP, FeatureDict, Outputs
from distill_helpers.strategies import SoftTargets
from distill_helpers.strategies.contract.divergences import kl_from_logits
from distill_helpers.training import Teacher, distill, stores
from distill_helpers.training.stores import TopK


@pytest.fixture
def pool(toy_images):
    return make_views(toy_images, views=3, shift=1)


@pytest.fixture(autouse=True)
def _no_cache(no_cache):
    pass


def everywhere(pool):
    """view and index of every answer, int64 [V, N]."""
    return torch.meshgrid(torch.arange(pool.views), torch.arange(len(pool)), indexing="ij")


def inputs(pool):
    return pool.inputs(*everywhere(pool))


class Wrong(nn.Module):
    """Answers in the way that it is told."""

    def __init__(self, answer):
        super().__init__()
        self.linear, self.answer = nn.Linear(64, 5), answer

    def forward(self, x):
        return self.answer(self.linear(x.flatten(1)))


# ---- what it answers


def test_rows_are_the_modules_answers_in_every_shape(pool, toy_teacher):
    teacher, module = Teacher(toy_teacher).over(pool, ("hidden1",)), toy_teacher.eval()
    view, index = everywhere(pool)
    out = teacher.rows(view, index)
    direct = module(inputs(pool).flatten(0, 1), features=True)
    torch.testing.assert_close(out.logits.flatten(0, 1), direct.logits)
    torch.testing.assert_close(out.features["hidden1"].flatten(0, 1), direct.features["hidden1"])
    assert torch.equal(teacher.table.logits, out.logits) and out.logits.dtype == torch.float32
    for shape in ((), (7,), (2, 3, 4)):
        v, i = torch.randint(3, shape), torch.randint(40, shape)
        assert torch.equal(teacher.rows(v, i).logits, teacher.table.logits[v, i])
    mapped = vmap(lambda v, i: teacher.rows(v, i).logits)(view, index)
    assert torch.equal(mapped, out.logits)
    assert (teacher.classes, teacher.feature_names, teacher.evaluations) == (5, ("hidden1",), 120)
    with pytest.raises(InputError, match="view and index must have one shape"):
        teacher.rows(view, index[0])


def test_live_answers_are_differentiable_take_other_weights_and_are_counted(pool, toy_teacher):
    teacher, x = Teacher(toy_teacher).over(pool), torch.rand(6, 1, 8, 8)
    torch.testing.assert_close(teacher.live(x).logits, toy_teacher.eval()(x))
    slope = grad(lambda x: teacher.live(x).logits.logsumexp(-1).sum())(x)
    assert slope.abs().max() > 0
    others = [Teacher(teacher.untrained(seed).module) for seed in (1, 2)]
    params, buffers = stack_module_state([t.module for t in others])
    both = vmap(lambda p, b: teacher.live(x, {**p, **b}).logits)(params, buffers)
    for i, other in enumerate(others):
        torch.testing.assert_close(both[i], other.live(x).logits)
    head = vmap(lambda p, b: teacher.part("head", torch.ones(2, 32), {**p, **b}))(params, buffers)
    torch.testing.assert_close(head[1], others[1].module.head(torch.ones(2, 32)))
    assert (teacher.table_evaluations, teacher.live_evaluations, teacher.evaluations) == (120, 18, 138)
    assert [t.evaluations for t in (teacher.over(pool), teacher.reordered(torch.arange(40)), others[0])] == [120, 138, 6]


def test_counts_are_never_shared(pool, toy_teacher):
    teacher = Teacher(toy_teacher).over(pool)
    moved = teacher.reordered(torch.arange(40))
    teacher.live(torch.rand(4, 1, 8, 8))
    assert (teacher.evaluations, moved.evaluations) == (124, 120)


def test_a_part_of_the_teacher(toy_teacher):
    teacher, z = Teacher(toy_teacher), torch.randn(3, 32, requires_grad=True)
    torch.testing.assert_close(teacher.part("head", z), toy_teacher.head(z))
    teacher.part("head", z).sum().backward()
    assert z.grad.abs().max() > 0
    torch.testing.assert_close(Teacher(toy_teacher, lambda out: out).part("hidden.1", z), toy_teacher.hidden[1](z))
    with pytest.raises(InputError, match="submodule 'haed' does not exist in BigMLP; near names are 'head'"):
        teacher.part("haed", z)

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 4, bias=False), nn.Linear(4, 4, bias=False)
            self.last.weight = self.first.weight

        def forward(self, x):
            return self.last(self.first(x))

    tied = Teacher(Tied())
    state = {name: 2 * t for name, t in tied.module.named_parameters()}  # as stacks hold them: a tied weight has one name
    assert set(state) == {"first.weight"}
    torch.testing.assert_close(tied.part("last", torch.ones(1, 4), state), 2 * tied.part("last", torch.ones(1, 4)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_modules_of_other_types_answer_in_float32(dtype, pool, toy_teacher):
    module = copy.deepcopy(toy_teacher).to(dtype)
    teacher = Teacher(module).over(pool, ("hidden1",))
    x = inputs(pool).flatten(0, 1)
    wanted = module.eval()(x.to(dtype)).float()
    torch.testing.assert_close(teacher.table.logits.flatten(0, 1), wanted)
    live = teacher.live(x)
    assert live.logits.dtype == teacher.table.features["hidden1"].dtype == torch.float32
    assert teacher.live(x.double()).logits.dtype == torch.float64 and teacher.part("head", torch.ones(1, 32)).dtype == torch.float32


def test_a_float64_question_to_a_float64_teacher_keeps_its_digits(toy_teacher):
    module, x = copy.deepcopy(toy_teacher).double(), torch.rand(3, 64, dtype=torch.double)
    assert torch.equal(Teacher(module).live(x).logits, module.eval()(x))


def test_wrapped_modules_keep_their_features(pool, toy_teacher):
    wanted = Teacher(toy_teacher).over(pool, ("hidden1",)).table
    for module in (nn.DataParallel(toy_teacher), torch.compile(toy_teacher, backend="eager")):
        found = Teacher(module).over(pool, ("hidden1",)).table
        assert torch.equal(found.features["hidden1"], wanted.features["hidden1"])


def test_a_foreign_teacher_teaches(pool):
    """A torchvision ResNet-18 with named features, and a module that answers with a tuple."""
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 1), torchvision.models.resnet18(num_classes=5))
    teacher = Teacher(net).with_features({"maps": "1.layer4"}).over(make_views(ImageSet(pool.pixels[0], pool.labels, 5, "toy"), 1), ("maps",))
    assert teacher.table.features["maps"].shape == (1, 40, 512, 1, 1)
    torch.testing.assert_close(teacher.part("1.fc", teacher.table.features["maps"][0].flatten(1)), teacher.table.logits[0], atol=1e-4, rtol=1e-4)
    pair = Wrong(lambda t: (t.sum(), t))
    taught = Teacher(pair, outputs=lambda given: given[1])
    run = distill(lambda: BigMLP(64, 8, 1, 5), taught, pool, SoftTargets(), recipe=_short())
    assert run.step == 2 and torch.equal(taught.over(pool).table.logits[0], pair.linear(pool.inputs(*everywhere(pool))[0].flatten(1)))


def _short():
    from distill_helpers.training import Recipe

    return Recipe(steps=2, batch_size=8)


# ---- bad input


def spoilt(value, name="head.bias"):
    module = BigMLP(64, 8, 1, 5)
    with torch.no_grad():
        module.get_parameter(name)[1] = value
    return module


BAD = {
    "no module": (lambda p, t: Teacher(5), "teacher must be a torch.nn.Module, but int"),
    "NaN weight": (lambda p, t: Teacher(spoilt(torch.nan)), "weight 'head.bias' must be finite, but 1 of its 5 numbers"),
    "infinite weight": (lambda p, t: Teacher(spoilt(torch.inf)), "weight 'head.bias' must be finite"),
    "lazy weight": (lambda p, t: Teacher(nn.LazyLinear(3)), "'weight' has no shape yet"),
    "NaN answer": (lambda p, t: Teacher(Wrong(lambda z: z.log())).over(p), "logits must be finite, but view 0 of example"),
    "other channels": (lambda p, t: Teacher(nn.Conv2d(3, 4, 3)).over(p), r"teacher cannot take inputs of shape \(1, 8, 8\).*3 channels"),
    "other size": (lambda p, t: Teacher(BigMLP(9, 8, 1, 5)).over(p), r"teacher cannot take inputs of shape \(1, 8, 8\)"),
    "whole numbers": (lambda p, t: Teacher(nn.Embedding(9, 4)).over(p), r"teacher cannot take inputs of shape \(1, 8, 8\)"),
    "a dict": (lambda p, t: Teacher(Wrong(lambda z: {"out": z})).over(p), "keys 'out'"),
    "other rows": (lambda p, t: Teacher(Wrong(lambda z: z.repeat(2, 1))).over(p), r"logits with one row for each of 4 inputs, but \[8, 5\]"),
    "ImageSet": (lambda p, t: Teacher(t).over(ImageSet(p.pixels[0], p.labels, 5, "s")), "pool must be a pool of views, but ImageSet.*make_views"),
    "no pool": (lambda p, t: Teacher(t).over(3), "pool must be a pool of views, but int"),
    "feature twice": (lambda p, t: Teacher(t).over(p, ("hidden1", "hidden1")), "'hidden1' was given twice"),
    "feature called logits": (lambda p, t: Teacher(t).over(p, ("logits",)), "logits are always stored"),
    "no such feature": (lambda p, t: Teacher(t).over(p, ("hidden9",)), "feature 'hidden9' does not exist"),
    "no such store": (lambda p, t: Teacher(t).over(p, store="disk"), "store must be 'memory', 'half', 'mapped' or TopK"),
    "k zero": (lambda p, t: TopK(0), "k must be at least 1"),
    "tail a word": (lambda p, t: TopK(1, "yes"), "tail must be True or False"),
    "k above C": (lambda p, t: Teacher(t).over(p, store=TopK(6)), "k must be at most the 5 classes"),
    "too large for half": (lambda p, t: Teacher(Wrong(lambda z: 1e6 * z)).over(p, store="half"), "holds numbers up to 65,504"),
    "rows too early": (lambda p, t: Teacher(t).rows(torch.tensor(0), torch.tensor(0)), "call teacher.over"),
    "classes too early": (lambda p, t: Teacher(t).classes, "call teacher.over"),
    "reordered too early": (lambda p, t: Teacher(t).reordered(torch.arange(40)), "call teacher.over"),
    "columns too early": (lambda p, t: Teacher(t).with_columns({}), "call teacher.over"),
    "answered too early": (lambda p, t: Teacher(t).answered_by(t), "call teacher.over"),
    "order too short": (lambda p, t: Teacher(t).over(p).reordered(torch.arange(39)), r"order must be 40 whole numbers.*\[39\]"),
    "order of fractions": (lambda p, t: Teacher(t).over(p).reordered(torch.arange(40.0)), "order must be 40 whole numbers.*float32"),
    "order of flags": (lambda p, t: Teacher(t).over(p).reordered(torch.ones(40, dtype=torch.bool)), "order must be 40 whole numbers"),
    "order out of range": (lambda p, t: Teacher(t).over(p).reordered(torch.arange(1, 41)), "from 0 to 39, but 1 to 40"),
    "order of words": (lambda p, t: Teacher(t).over(p).reordered(["a"] * 40), "order must be 40 whole numbers"),
    "columns of other rows": (lambda p, t: Teacher(t).over(p).with_columns({"h": torch.ones(3, 39)}), "features of 3 views of 40 examples"),
    "seed a word": (lambda p, t: Teacher(t).untrained("x"), "seed must be a whole number"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, words, pool, toy_teacher):
    with pytest.raises(InputError, match=words):
        call(pool, toy_teacher)


def test_infinite_masks_in_buffers_are_no_fault(pool):
    module = BigMLP(64, 8, 1, 5)
    module.register_buffer("mask", torch.tensor([-torch.inf]))
    Teacher(module).over(pool)
    module.mask[0] = torch.nan
    with pytest.raises(InputError, match="buffer 'mask'"):
        Teacher(module)


# ---- stores


@pytest.mark.parametrize("store", ["memory", "half", "mapped", TopK(5), TopK(2), TopK(2, tail=False)], ids=repr)
def test_every_store_answers_alike(store, pool, toy_teacher, tmp_path):
    exact = Teacher(toy_teacher).over(pool, ("hidden1",))
    view, index = everywhere(pool)
    for folder in (None, tmp_path, tmp_path):  # without a cache, filling it, and from it
        kept = Teacher(toy_teacher).over(pool, ("hidden1",), cache=folder, store=store)
        out = kept.rows(view, index)
        assert out.logits.shape == (3, 40, 5) and out.logits.dtype == out.features["hidden1"].dtype == torch.float32
        assert torch.equal(vmap(lambda v, i, kept=kept: kept.rows(v, i).logits)(view, index), out.logits)
        assert torch.equal(kept.column("logits"), out.logits) and kept.evaluations == 120
        torch.testing.assert_close(out.features["hidden1"], exact.table.features["hidden1"], atol=2e-3, rtol=2e-3)
        if store in ("memory", "mapped"):
            assert torch.equal(out.logits, exact.table.logits) and torch.equal(kept.table.logits, out.logits)
        else:
            assert kept.table is None
        if store == "half":
            torch.testing.assert_close(out.logits, exact.table.logits, atol=1e-3, rtol=1e-3)
        if isinstance(store, TopK):
            torch.testing.assert_close(out.logits.logsumexp(-1), torch.zeros(3, 40), atol=1e-5, rtol=0)
    moved = kept.reordered(torch.arange(40).flip(0))
    assert torch.equal(moved.rows(view, index).logits, out.logits.flip(1))
    assert len(list((tmp_path / "teachers").iterdir())) == 1


def test_the_tail_and_its_bias(pool):
    """Against the whole answers: nothing at k = C; the k largest and the sum of the rest exact; the rest even, so too much at T > 1."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 50), nn.Threshold(-1e9, 0))
    nn.init.normal_(module[1].weight, std=1.0)
    exact = Teacher(module).over(pool).table.logits
    student = torch.randn(3, 40, 50)
    bias = {}
    for k in (1, 5, 20, 50):
        view, index = everywhere(pool)
        kept = Teacher(module).over(pool, store=TopK(k)).rows(view, index).logits
        p, q = exact.softmax(-1), kept.softmax(-1)
        top = p.topk(k).indices
        torch.testing.assert_close(q.gather(-1, top), p.gather(-1, top))
        rest = q.scatter(-1, top, torch.nan)
        assert torch.equal(rest.isnan().sum(-1), torch.full((3, 40), k))
        if k < 50:
            torch.testing.assert_close(rest.nansum(-1), p.scatter(-1, top, 0).sum(-1), atol=1e-6, rtol=1e-4)
            loosest = rest.nan_to_num(0).amax(-1) - rest.nan_to_num(1).amin(-1)
            assert loosest.abs().max() < 1e-6
        hot = (kept / 4).softmax(-1).gather(-1, top).sum(-1) - (exact / 4).softmax(-1).gather(-1, top).sum(-1)
        assert hot.max() < 1e-5, "at T > 1 the even tail takes from the largest, never gives"
        loss = [kl_from_logits(t.flatten(0, 1), student.flatten(0, 1), 4.0) for t in (kept, exact)]
        bias[k] = (loss[0] - loss[1]).abs()
    assert bias[50] < 1e-5 and bias[1] > bias[20] > bias[50]


def test_answers_about_every_place_of_a_sequence_are_stored_too(pool):
    module = Wrong(lambda z: z.unsqueeze(1) * torch.arange(1.0, 4).view(1, 3, 1))
    exact = Teacher(module).over(pool).table.logits
    assert exact.shape == (3, 40, 3, 5)
    kept = Teacher(module).over(pool, store=TopK(5)).column("logits")
    torch.testing.assert_close(kept, exact.log_softmax(-1), atol=1e-5, rtol=1e-5)


class Many:
    """Stands in for a pool of 50,000 images in 32 views that are made when they are looked at."""

    views, device, fingerprint, labels = 32, torch.device("cpu"), "many", None

    def __len__(self):
        return 50_000

    def inputs(self, view, index):
        return torch.zeros(*index.shape, 64)


@pytest.mark.parametrize(
    ("store", "words"), [("memory", "would take 13.2 GB of memory, where 8.0 GB are free.*'half' 6.6 GB; 'mapped' 13.2 GB on the disk; TopK"),
                         ("mapped", "would take 13.2 GB on the disk, where 9.0 GB are free")]
)  # fmt: skip
def test_a_store_without_room_is_refused_before_anything_is_asked(store, words, monkeypatch):
    monkeypatch.setattr(stores, "free_memory", lambda device: 8 * 10**9)
    monkeypatch.setattr(stores, "free_disk", lambda folder: 9 * 10**9)
    monkeypatch.setattr(Teacher, "_ask", lambda *_: pytest.fail("the teacher was asked"))
    with pytest.raises(InputError, match=words):
        Teacher(BigMLP(64, 2048, 1, 10)).over(Many(), ("hidden1",), store=store)


def test_a_large_store_is_announced(monkeypatch, capsys, pool, toy_teacher):
    Teacher(toy_teacher).over(pool)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr(stores, "SAID_FROM", 1000)
    Teacher(toy_teacher).over(pool)
    assert "3 views of 40 examples (logits) in store='memory' take 2.4 kB of memory" in capsys.readouterr().out


def test_a_mapped_store_leaves_memory_flat_and_cleans_up(monkeypatch):
    class Wide(nn.Module):
        def forward(self, x):
            return x.repeat(1, 64)

    class Rows(Many):
        views = 2

        def __len__(self):
            return 10_000

    made = []
    plain = stores.tempfile.mkdtemp
    monkeypatch.setattr(stores.tempfile, "mkdtemp", lambda **k: made.append(plain(**k)) or made[-1])
    before = own_memory()
    teacher = Teacher(Wide()).over(Rows(), store="mapped")  # 328 MB
    grown = own_memory() - before
    assert teacher.store.columns["logits"].shape == (2, 10_000, 4096) and teacher.rows(torch.tensor(1), torch.tensor(77)).logits.sum() == 0
    assert grown < 120e6
    folder = Path(made[0])
    assert folder.exists()
    del teacher
    gc.collect()
    assert not folder.exists()


def own_memory():
    """Bytes of memory that are the process's own, pages of mapped files not counted."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        pytest.skip("this system does not say what memory is the process's own")
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


# ---- teachers made from it


def test_an_order_survives_distill_and_belongs_to_its_examples(toy_images, toy_teacher):
    pool, equal = make_views(toy_images, 2, 1), make_views(toy_images, 2, 1)
    other = make_views(toy_images, 2, 1, seed=1)
    order = torch.arange(40).flip(0)
    teacher = Teacher(toy_teacher).over(pool)
    moved = teacher.reordered(order)
    order[:] = 0  # the caller's own tensor
    wanted = teacher.table.logits.flip(1)
    assert torch.equal(moved.over(equal).table.logits, wanted) and moved.holds(equal)
    features = [t.over(equal, ("hidden1",)).table.features["hidden1"] for t in (moved, teacher)]
    assert torch.equal(features[0], features[1].flip(1))
    with pytest.raises(InputError, match="pool must be the one for which teacher.reordered was called"):
        moved.over(other)
    run = [distill(lambda: BigMLP(64, 8, 1, 5), t, p, SoftTargets(), recipe=_short()) for t, p in ((moved, pool), (moved, equal), (teacher, pool))]
    weights = [r.model(0).head.weight for r in run]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    untrained = moved.untrained(3)
    assert torch.equal(untrained.table.logits, teacher.untrained(3).table.logits.flip(1))
    answered = moved.answered_by(BigMLP(64, 4, 1, 5))
    assert torch.equal(answered.table.logits.flip(1), teacher.answered_by(answered.module).table.logits)
    twice = moved.reordered(torch.arange(40).roll(1))
    assert torch.equal(twice.table.logits, wanted.roll(1, 1)) and torch.equal(twice.originals(torch.arange(40)), torch.arange(40).flip(0).roll(1))
    assert torch.equal(moved.with_features({"pre": "hidden.0"}).over(pool, ("pre",)).column("logits"), wanted)


def test_a_prepared_teacher_keeps_what_was_added_or_refuses(toy_images, toy_teacher):
    pool, equal, other = make_views(toy_images, 2, 1), make_views(toy_images, 2, 1), make_views(toy_images, 2, 1, seed=1)
    teacher = Teacher(toy_teacher).over(pool)
    added = teacher.with_columns({"h": torch.rand(2, 40, 3)}, 80)
    assert added.over(equal) is added and (added.evaluations, teacher.evaluations) == (160, 80)
    assert added.feature_names == ("h",) and torch.equal(added.rows(torch.tensor(1), torch.tensor(2)).features["h"], added.column("h")[1, 2])
    for call, words in (
        (lambda: added.over(other), "must be the one over which"),
        (lambda: added.over(equal, ("hidden1",)), "must be the one over"),
        (lambda: added.untrained(0), "prepared by a strategy"),
        (lambda: added.with_features({"x": "head"}), "before a strategy"),
    ):
        with pytest.raises(InputError, match=words):
            call()
    assert torch.equal(added.reordered(torch.arange(40).flip(0)).column("h"), added.column("h").flip(1))
    mine = copy.copy(teacher)
    mine.table = Outputs(teacher.table.logits * 2, FeatureDict())
    assert torch.equal(mine.rows(torch.tensor([0]), torch.tensor([3])).logits, 2 * teacher.table.logits[0, 3:4])
    assert mine.fingerprint != teacher.fingerprint and (mine.classes, mine.feature_names) == (5, ())


def test_holds_compares_pools_by_value_and_devices_as_devices_are(toy_images, toy_teacher):
    pool = make_views(toy_images, 2, 1)
    teacher = Teacher(toy_teacher)
    assert not teacher.holds(pool)
    teacher = teacher.over(pool, ("hidden1",))
    assert teacher.holds(make_views(toy_images, 2, 1), ("hidden1",)) and not teacher.holds(pool, ("hidden2",))
    assert not teacher.holds(make_views(toy_images, 2, 1, seed=3)) and same_device("cpu:0", torch.device("cpu"))
    assert teacher.holds(pool.without_labels())


def test_fingerprints_tell_teachers_apart(pool, toy_teacher):
    teacher = Teacher(toy_teacher)
    asked = teacher.over(pool)
    alike = [asked, Teacher(copy.deepcopy(toy_teacher)), asked.over(pool, store="mapped")]
    assert {t.fingerprint for t in alike} == {teacher.fingerprint}
    order, column = torch.arange(40), torch.ones(3, 40)
    others = [
        *(asked.untrained(seed) for seed in (0, 1)),
        *(asked.reordered(o) for o in (order, order.flip(0))),
        *(asked.over(pool, store=store) for store in ("half", TopK(2))),
        *(asked.with_columns({"h": c}) for c in (column, 0 * column)),
        Teacher(copy.deepcopy(toy_teacher).double()),
        teacher.with_features({"x": "head"}),
        Teacher(toy_teacher, outputs=lambda out: out.logits + 1),
    ]
    assert len({asked.fingerprint, *(t.fingerprint for t in others)}) == len(others) + 1
    live = asked.live(torch.rand(2, 64))
    assert live.logits.shape == (2, 5) and asked.fingerprint == teacher.fingerprint


def test_what_a_topk_store_takes(pool):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 1000))
    size = {kind: stores.size_of(stores.plan(kind, {"logits": torch.randn(2, 1000)}, 3, 40)) for kind in ("memory", "half", TopK(8))}
    assert size == {"memory": 480_000, "half": 240_000, TopK(8): 120 * (8 * 6 + 4)}
    kept = Teacher(module).over(pool, store=TopK(8)).store.columns
    assert sum(t.numel() * t.element_size() for t in kept.values()) == size[TopK(8)] and math.isfinite(kept["logits.tail"].sum())
