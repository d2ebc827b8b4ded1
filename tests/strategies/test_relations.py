"""Relations of a batch: angles from inner products equal those from rays, cost no [B, B, D], and map over students, arms and teachers."""

import functools

import pytest
import torch
from mutation import Checks
from stand_ins import Net, batch, random
from torch.func import grad, vmap
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from distill_helpers.checks import InputError
from distill_helpers.strategies import ContrastiveRepresentation, MarginalLoss, ProbabilisticTransfer, Relational, SimilarityPreserving
from distill_helpers.strategies.relations import triples as original
from distill_helpers.strategies.relations.triples_cpu import sums_in_one_pass
from distill_helpers.training.threads import using_threads

of = Checks()
SMALL = 300  # numbers a chunk: several chunks of corners and groups of students for the batches below


def by_chunk(check):
    """The check on the path in plain torch, which Numba's replaces on processors."""

    @functools.wraps(check)
    def run(m):
        kept, m.NUMBA = m.NUMBA, False
        try:
            check(m)
        finally:
            m.NUMBA = kept

    return run


def by_rays(ours, theirs):
    """The loss as the paper writes it, from the unit vectors between all examples."""
    b, total = len(ours), 0.0
    for j in range(b):
        for i in range(b):
            for k in range(b):
                if len({i, j, k}) == 3:
                    cos = [torch.cosine_similarity(x[i] - x[j], x[k] - x[j], 0, 1e-30) for x in (ours, theirs)]
                    total = total + torch.nn.functional.smooth_l1_loss(*cos)
    return total / max(1, b * (b - 1) * (b - 2))


def value_and_slope(loss, ours, theirs):
    ours = ours.clone().requires_grad_()
    value = loss(ours, theirs)
    return value.detach(), torch.autograd.grad(value.sum(), ours)[0]


def close(found, wanted, tolerance=1e-9):
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b, atol=tolerance, rtol=0)


@of("triples")
@by_chunk
def as_written(m):
    for b, d, e in ((3, 1, 2), (6, 3, 7), (9, 20, 4)):
        s, t = 3 * random(1, b, d) + 5, random(2, b, e)
        close(value_and_slope(m.angle_loss, s, t), value_and_slope(by_rays, s, t))


@of("triples")
@by_chunk
def whatever_the_chunks(m):
    s, t = random(1, 5, 11, 3), random(2, 11, 4)
    wanted = value_and_slope(vmap(original.angle_loss, (0, None)), s, t)
    kept = dict(m.CHUNK)
    try:
        for m.CHUNK["cpu"] in (1, SMALL, 2**12):
            close(value_and_slope(vmap(m.angle_loss, (0, None)), s, t), wanted)
    finally:
        m.CHUNK.update(kept)


@of("triples")
@by_chunk
def agrees_with_small_steps(m):
    t = random(2, 6, 4)
    assert torch.autograd.gradcheck(lambda s: m.angle_loss(s, t), random(1, 6, 3).requires_grad_())


@of("triples")
@by_chunk
def mapped_in_all_ways(m):
    """Over replicates and arms, each side mapped over both, over one, or not at all."""
    sides = [(0, 0), (0, None), (None, 0), (None, None)]
    s, t, w = random(1, 2, 3, 6, 3), random(2, 2, 3, 6, 4), random(3, 2, 3)
    for ours in sides:
        for theirs in sides:
            if (None, None) in ((ours[0], theirs[0]), (ours[1], theirs[1])):
                continue
            x, y = (z[tuple(slice(None) if at == 0 else 0 for at in dims)] for z, dims in ((s, ours), (t, theirs)))
            inner = lambda a, b: vmap(m.angle_loss, (ours[1], theirs[1]))(a, b)
            twice = lambda a, b: w * vmap(inner, (ours[0], theirs[0]))(a, b)
            places = [(r, a) for r in range(2) for a in range(3)]
            at = lambda z, dims, place: z[tuple(p for p, d in zip(place, dims, strict=True) if d == 0)]
            single = lambda a, b: sum(w[p] * original.angle_loss(at(a, ours, p), at(b, theirs, p)) for p in places)
            close(torch.autograd.grad(twice(x.requires_grad_(), y).sum(), x), torch.autograd.grad(single(x, y), x))
    close([vmap(m.angle_loss, (2, 0))(s[0].movedim(0, 2), t[0])], [vmap(original.angle_loss)(s[0], t[0])])
    singly = [value_and_slope(original.angle_loss, *pair)[1] for pair in zip(s[0], t[0], strict=True)]
    close([vmap(grad(m.angle_loss))(s[0], t[0])], [torch.stack(singly)])


@of("triples")
@by_chunk
def examples_that_agree(m):
    """Equal features have no angle: nothing is NaN, and they change no other triple."""
    for kind in (torch.float32, torch.float64):
        s, t = random(1, 6, 3).to(kind), random(2, 6, 4).to(kind)
        for same in ([1, 0], [2, 3, 4], list(range(6))):
            s[same] = s[same[0]].clone()
            for a, b in ((s, t), (t[:, :3], torch.cat([s, s], 1)), (s, s.clone())):
                value, slope = value_and_slope(m.angle_loss, a, b)
                assert value.isfinite() and slope.isfinite().all() and slope.abs().max() < 10
        near = random(1, 6, 40).to(kind)
        near[1], near[3] = near[0] * (1 + 20 * torch.finfo(kind).eps), near[2] * (1 - 9 * torch.finfo(kind).eps)
        for scale in (1, 10):
            assert scale * value_and_slope(m.angle_loss, scale * near, t)[1].abs().max() < 0.01
        assert value_and_slope(m.angle_loss, torch.full((6, 3), 7.3, dtype=kind), t)[1].abs().max() < 1e-6
    s, t = random(1, 6, 3), random(2, 6, 4)
    s[5] = s[4]
    cos = lambda x: torch.stack([torch.cosine_similarity((x - x[j])[:, None], (x - x[j])[None], -1, 1e-30) for j in range(6)])
    gap = torch.nn.functional.smooth_l1_loss(cos(s), cos(t), reduction="none")
    places = torch.arange(6)
    j, i, k = (places.view(shape) for shape in ((6, 1, 1), (1, 6, 1), (1, 1, 6)))
    close([m.angle_loss(s, t)], [gap[(i != j) & (j != k) & (i != k)].sum() / 120])


@of("triples")
@by_chunk
def in_single_precision(m):
    s, t = random(1, 32, 16), random(2, 32, 200)
    wide = value_and_slope(m.angle_loss, s, t)
    far = value_and_slope(m.angle_loss, (s + 100).float(), (t - 100).float())
    torch.testing.assert_close(far[0].double(), wide[0], rtol=1e-4, atol=0)
    torch.testing.assert_close(far[1].double(), wide[1], rtol=0, atol=1e-3 * wide[1].abs().max().item())
    half = m.angle_loss(s.bfloat16(), t.bfloat16())
    assert half.dtype == torch.float32 and abs(half - wide[0]) < 0.02 * wide[0]
    with torch.autocast("cpu", torch.bfloat16):
        inside = value_and_slope(m.angle_loss, s.float(), t.float())
    assert inside[0].dtype == torch.float32
    torch.testing.assert_close(inside[0].double(), wide[0], rtol=1e-4, atol=0)
    torch.testing.assert_close(inside[1].double(), wide[1], rtol=0, atol=1e-4 * wide[1].abs().max().item())


@of("triples")
@by_chunk
def a_second_derivative_is_refused(m):
    s, t = random(1, 5, 3).requires_grad_(), random(2, 5, 3)
    (slope,) = torch.autograd.grad(m.angle_loss(s, t), s, create_graph=True)
    twice = lambda a: grad(m.angle_loss)(a, t).square().sum()
    for asked in (lambda: torch.autograd.grad(slope.sum(), s), lambda: grad(twice)(s.detach()), lambda: vmap(grad(twice))(random(3, 2, 5, 3))):
        with pytest.raises(InputError, match="second"):
            asked()
    with pytest.raises(InputError, match="one B"):
        m.angle_loss(random(1, 5, 3), random(2, 4, 3))


@of("triples")
@by_chunk
def the_teacher_gets_no_gradient(m):
    s, t = random(1, 5, 3).requires_grad_(), random(2, 5, 3).requires_grad_()
    grads = torch.autograd.grad(m.angle_loss(s, t), [s, t], allow_unused=True)
    assert grads[0].abs().max() > 1e-4 and grads[1] is None


@of("triples_cpu")
def equal_to_the_chunks(m):
    """Losses and the three sums, for one and for many students of a teacher, at any number of threads, with gaps beyond 1."""
    for teachers, students, b, kind, near in ((3, 2, 9, torch.float64, 1e-12), (1, 4, 2, torch.float64, 1e-12), (2, 1, 40, torch.float32, 1e-3)):
        s, t = random(1, teachers, students, b, 1).to(kind), random(2, teachers, b, 5).to(kind)
        if b > 2:
            s[..., 1, :] = s[..., 0, :]
        ours, theirs = original.geometry(s)[1:], original.geometry(t)[1:]
        wanted = original.sums_by_chunk(*(x.clone() for x in (*ours, *theirs)))
        for threads in (1, 2):
            with using_threads(threads):
                found = m.sums_in_one_pass(*ours, *theirs)
            for a, w in zip(found, wanted, strict=True):
                torch.testing.assert_close(a, w, atol=near * (1 + w.abs().max().item()), rtol=0)


@pytest.mark.parametrize("check", of.checks["triples"], ids=lambda check: check.__name__)
def test_the_compiled_pass_is_taken_and_passes_all_checks(check, monkeypatch):
    taken = []
    monkeypatch.setattr(original, "sums_in_one_pass", lambda *given: taken.append(1) or sums_in_one_pass(*given))
    check.__wrapped__(original)
    assert taken and original.NUMBA


def test_without_numba_the_loss_is_the_same(monkeypatch):
    s, t = random(1, 3, 12, 4), random(2, 3, 12, 7)
    wanted = vmap(original.angle_loss)(s, t)
    monkeypatch.setattr(original, "NUMBA", False)
    monkeypatch.setattr(original, "sums_in_one_pass", None)
    close([vmap(original.angle_loss)(s, t)], [wanted])


@of.each
def test_checks(name, check):
    check(of.original(name))


FAULTS = [
    ("triples", "not centred", "x = x - x.mean(-2, keepdim=True)", "x = 1.0 * x"),
    ("triples", "angle at the wrong point", "cos.sub_(ray[:, :, None])", "cos.add_(ray[:, :, None])"),
    ("triples", "half missing", "products[:, j] - 0.5 *", "products[:, j] -"),
    ("triples", "square for Huber", "torch.clamp(gap, -1, 1, out=slope)", "torch.clamp(gap, -9, 9, out=slope)"),
    ("triples", "absolute for Huber", "gap.sub_(slope, alpha=0.5)", "gap.sub_(slope, alpha=0.0)"),
    ("triples", "pairs counted", "gap.diagonal(dim1=-2, dim2=-1).zero_()", "pass"),
    ("triples", "sum for mean", "triples = max(1, b * (b - 1) * (b - 2))", "triples = 1"),
    ("triples", "mean with repeated examples", "triples = max(1, b * (b - 1) * (b - 2))", "triples = b**3"),
    ("triples", "lengths held still", "beside -= through\n", "through.zero_()\n"),
    ("triples", "square of the length forgotten", "through.mul_(inverse.square())", "through.mul_(inverse)"),
    ("triples", "one role of the corner", "total = between - 2 * beside", "total = between - beside"),
    ("triples", "one half of the gradient", "(total + total.mT) @ ours", "total @ ours"),
    ("triples", "diagonal forgotten", "(beside.sum(-1) - through.sum(-2))", "(0 * beside.sum(-1))"),
    ("triples", "each group for itself", "between[t, a] += scale.sum(1)", "between[t, a] = scale.sum(1)"),
    ("triples", "losses of the last chunk", "losses[t, a] += gap", "losses[t, a] = gap"),
    ("triples", "agreeing examples count", "torch.where(apart, (squared.clamp(min=0) + 1e-12).rsqrt(), 0)", "(squared + 1e-12).rsqrt()"),
    ("triples", "rounding taken for distance", "squared > 16 * torch.finfo(x.dtype).eps * both", "squared != 0"),
    ("triples", "the factor of the mean", "slope[..., None, None] * gradient", "gradient"),
    ("triples", "mapped dimension left where it is", "ours.movedim(in_dims[0], 0)", "ours"),
    ("triples", "first teacher for all", "cosines(their_products[t, None]", "cosines(their_products[0, None]"),
    ("triples", "shared dimensions left where they are", "key=lambda d: theirs.shape[d] == 1", "key=lambda d: 0"),
    ("triples_cpu", "angle at the wrong point", "(g[i, k] - ray[i, j] - ray[k, j])", "(g[i, k] - ray[i, j] + ray[k, j])"),
    ("triples_cpu", "half missing", "g - 0.5 * g.diagonal", "g - g.diagonal"),
    ("triples_cpu", "square for Huber", "min(max(gap, -one), one)", "gap"),
    ("triples_cpu", "absolute for Huber", "v * (gap - half * v)", "v * gap"),
    ("triples_cpu", "pairs once", "return 2 * losses", "return losses"),
    ("triples_cpu", "one end of the pair", "through[k, j] += v * cos", "through[k, j] += 0 * cos"),
    ("triples_cpu", "one end of the pair, beside", "beside[i, j] += v * scale", "beside[i, j] += 0 * scale"),
    ("triples_cpu", "half a matrix", "between + between.mT", "between"),
    ("triples_cpu", "lengths forgotten", "inverse.square()", "inverse"),
    ("triples_cpu", "first teacher for all", "t[place[0]] for t in theirs", "t[0] for t in theirs"),
    ("triples_cpu", "the last pair left out", "for k in range(i + 1, count)", "for k in range(i + 1, count - 1)"),
    ("triples", "second derivative of nothing", "return Scaled.apply(slope, *ctx.saved_tensors), None",
     "return slope[..., None, None] * ctx.saved_tensors[0], None"),
    ("triples", "half precision inside", "kind = torch.promote_types(ours.dtype, torch.float32)", "kind = ours.dtype"),
    ("triples", "products in the precision around", "with torch.autocast(ours.device.type, enabled=False):", "if True:"),
]  # fmt: skip


@pytest.mark.filterwarnings("ignore:An output with one or more elements was resized")
@of.planted(FAULTS)
def test_each_planted_fault_turns_a_check_red(name, old, new):
    assert of.gone_red(name, old, new)


class Largest(TorchDispatchMode):
    """Keeps how many numbers the largest tensor has that is made inside."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in torch.utils._pytree.tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.untyped_storage().nbytes() // tensor.element_size())
        return out


RELATIONS = [
    Relational("a", "b", labels=0),
    SimilarityPreserving("a", "b", labels=0),
    ProbabilisticTransfer("a", "b", labels=0),
    ContrastiveRepresentation("a", "b", labels=0, dim=2),
    MarginalLoss(feature="a"),
]
NAMES = [type(s).__name__ for s in RELATIONS]


def stepped(strategy, students, rows, ours, theirs):
    """One mapped step's gradient for so many students of one teacher on one batch."""
    w, t = random(1, students, 3, ours).requires_grad_(), Net(torch.zeros(rows, 4), {"b": random(2, rows, theirs)})
    x, extras = random(3, rows, 3), {name: random(4, size, 2) for name, size in (("student_embedding0", ours), ("teacher_embedding0", theirs))}

    def one(weights):
        student = Net(lambda at: at @ weights[:, :4], {"a": lambda at: at @ weights}, **{k: (lambda f, m=m: f @ m) for k, m in extras.items()})
        return sum(strategy.loss(student, t, batch(x, torch.arange(rows) % 4)).values())

    return torch.autograd.grad(vmap(one)(w).sum(), w)


@pytest.mark.parametrize("strategy", RELATIONS, ids=NAMES)
def test_no_relation_makes_a_number_for_each_pair_and_feature(strategy, monkeypatch):
    monkeypatch.setitem(original.CHUNK, "cpu", 32**2)
    with Largest() as largest:
        stepped(strategy, 2, 32, 600, 1000)
    assert largest.numbers < 32 * 32 * 600 / 4, f"{largest.numbers} numbers at once"


@pytest.mark.parametrize("strategy", RELATIONS[:3], ids=NAMES[:3])
def test_the_teacher_s_side_is_worked_out_once_for_all_students(strategy):
    with FlopCounterMode(display=False) as one:
        stepped(strategy, 1, 16, 4, 4000)
    with FlopCounterMode(display=False) as eight:
        stepped(strategy, 8, 16, 4, 4000)
    assert eight.get_total_flops() < 1.5 * one.get_total_flops()


def test_distances_beyond_one_count_by_their_size():
    """Huber in distances too. Three points at one place and one at distance 1 have a mean distance of 1/2; a gap of 2 costs 1.5."""
    s = torch.tensor([[0.0], [0.0], [0.0], [1.0]], dtype=torch.double)
    found = Relational("a", "b", 1.0, 0.0, 0).loss(Net(s, {"a": s}), Net(s, {"b": s[[3, 1, 2, 0]]}), batch(s))["distance"]
    # of the six pairs, those of examples 0 and 3 with examples 1 and 2 differ
    assert abs(found.item() - 1.5 * 4 / 6) < 1e-5


def test_products_of_the_teacher_are_made_once_and_never_out_of_date(monkeypatch):
    from distill_helpers.strategies.contract.feature_tools import FrozenProducts, frozen_products

    made, plain = [], torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: made.append(a.shape) or plain(a, b))
    x = torch.randn(3, 5, 7)
    mapped = torch.vmap(frozen_products)
    first = mapped(x)
    torch.testing.assert_close(first, torch.einsum("tid,tjd->tij", x, x))
    assert mapped(x.detach()) is not None and len(made) == 1  # another strategy's turn with the same features
    x.mul_(2)  # the same memory, other numbers
    torch.testing.assert_close(mapped(x), 4 * first)
    assert len(made) == 2
    torch.testing.assert_close(mapped(x.flip(0)), 4 * first.flip(0))
    torch.testing.assert_close(frozen_products(x[0]), 4 * first[0])  # a part of it
    torch.testing.assert_close(frozen_products(x[0].T.contiguous().T), 4 * first[0])
    wide = x.clone().requires_grad_()
    assert not mapped(wide).requires_grad and not FrozenProducts.last[0].requires_grad
