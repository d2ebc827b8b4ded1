"""The decoder: causal, blind to absolute places, tied, counted, cached without a difference, and at home in the training loop."""

import math

import pytest
import torch
from mutation import Checks

from distill_helpers.checks import InputError
from distill_helpers.comparison import compare
from distill_helpers.data import TokenPool, next_tokens
from distill_helpers.models import outputs_of
from distill_helpers.models.language_model import LanguageModel
from distill_helpers.models.rotary import turned
from distill_helpers.models.sampling import sample
from distill_helpers.strategies import GeneralisedJSD, HardLabels, TokenForwardKL
from distill_helpers.training import Recipe, distill
from distill_helpers.training.stores import TopK
from distill_helpers.training.teacher import Teacher

of = Checks("distill_helpers.models")
V, CONTEXT = 11, 12


def built(seed=0, kind=LanguageModel, wide=True, depth=2):
    """In double precision, with weights large enough that attention looks at something."""
    torch.manual_seed(seed)
    model = kind(V, 8, depth, 2, CONTEXT, 12).double()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2 and wide:
                weight.mul_(20)
    return model.eval()


def tokens(seed=0, count=3, length=CONTEXT):
    return torch.randint(V, (count, length), generator=torch.Generator().manual_seed(seed))


# ---- positions -----------------------------------------------------------------------------------------------------------------


@of("rotary")
def products_depend_on_the_distance_alone(module):
    q, k = torch.randn(2, 1, 8, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    at = lambda m, n: (module.turned(q, m) * module.turned(k, n)).sum().item()
    for m, n in ((0, 3), (2, 7), (5, 1)):
        for shift in (1, 10, 100):
            assert at(m, n) == pytest.approx(at(m + shift, n + shift), abs=1e-12)
    assert abs(at(0, 3) - at(0, 4)) > 1e-3 and abs(at(0, 3) - at(3, 0)) > 1e-3
    assert at(0, 0) == pytest.approx((q * k).sum().item(), abs=1e-12)


@of("rotary")
def a_vector_is_turned_as_the_paper_says(module):
    found = module.turned(torch.tensor([[1.0, 0.0, 0.0, 1.0]], dtype=torch.double), 3)[0].tolist()
    a, b = 3.0, 3.0 * 10_000**-0.5
    assert found == pytest.approx([math.cos(a), math.sin(a), -math.sin(b), math.cos(b)])


@of("rotary")
def places_count_on(module):
    x = torch.randn(5, 4, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(module.turned(x, 2)[3:], module.turned(x[3:], 5))
    torch.testing.assert_close(module.turned(x).norm(dim=-1), x.norm(dim=-1))


def test_scores_of_the_model_depend_on_the_distance_alone():
    """Those of a layer's own queries and keys, 17 places further on."""
    torch.manual_seed(0)
    model = LanguageModel(V, 8, 1, 2, 40).double()
    attention = model.blocks[0].attention
    h = torch.randn(1, 6, 8, dtype=torch.double, generator=torch.Generator().manual_seed(2))
    q, k, _ = attention.qkv(h).unflatten(-1, (3, 2, -1)).movedim(-3, 0).transpose(-3, -2)
    scores = [turned(q, first) @ turned(k, first).mT for first in (0, 17)]
    torch.testing.assert_close(*scores, rtol=0, atol=1e-12)


# ---- the model -----------------------------------------------------------------------------------------------------------------


@of("language_model")
def the_future_has_no_influence(module):
    model, x = built(kind=module.LanguageModel), tokens()
    before = model(x)
    for place in range(1, CONTEXT):
        other = x.clone()
        other[:, place:] = (other[:, place:] + 1 + torch.arange(CONTEXT - place)) % V
        after = model(other)
        torch.testing.assert_close(after[:, :place], before[:, :place], rtol=0, atol=1e-12)
        assert (after[:, place:] - before[:, place:]).abs().amax(-1).min() > 1e-6  # and every later place sees what changed
    slope = torch.autograd.functional.jacobian(lambda e: through(model, e)[0, :, 0], model.embedding(x[:1]).detach())[:, 0].abs().sum(-1)
    assert (slope.triu(1) == 0).all() and (slope.tril() > 0).sum() == CONTEXT * (CONTEXT + 1) // 2


def through(model, h):
    for block in model.blocks:
        h, _ = block(h)
    return model.norm(h) @ model.embedding.weight.T


@of("language_model")
def the_order_of_what_is_past_matters(module):
    """Of one block; the second of two could tell it from how much the places see, positions or not."""
    model, x = built(kind=module.LanguageModel, depth=1), tokens()
    swapped = x[:, [1, 0, *range(2, CONTEXT)]]
    assert (model(swapped)[:, -1] - model(x)[:, -1]).abs().max() > 1e-6


@of("language_model")
def the_cache_changes_nothing(module):
    model, x = built(kind=module.LanguageModel), tokens()
    whole = model(x)
    for cuts in ([1] * CONTEXT, [5, 1, 3, 3], [CONTEXT]):
        cache, found = None, []
        for part in x.split(cuts, 1):
            logits, cache = model.continued(part, cache)
            found.append(logits)
        torch.testing.assert_close(torch.cat(found, 1), whole, rtol=0, atol=1e-12)
        assert len(cache) == 2 and cache[0][0].shape == (3, 2, CONTEXT, 4)


@of("language_model")
def the_weights_are_tied_and_counted(module):
    model = built(kind=module.LanguageModel)
    assert [n for n, w in model.named_parameters() if w.shape[0] == V] == ["embedding.weight"]
    x = tokens()
    (slope,) = torch.autograd.grad(model(x).square().mean(), model.embedding.weight)
    unseen = [t for t in range(V) if t not in set(x[:1, :2].flatten().tolist())]
    (few,) = torch.autograd.grad(model(x[:1, :2]).square().mean(), model.embedding.weight)
    assert slope.abs().sum() > 0 and (few[unseen].abs().sum(-1) > 0).all()  # tokens that were not read are learnt as answers
    for v, d, depth, heads, hidden in ((11, 8, 2, 2, 12), (7, 16, 3, 4, None), (100, 4, 1, 1, 5)):
        made = module.LanguageModel(v, d, depth, heads, 5, hidden)
        counted = sum(p.numel() for p in made.parameters())
        mlp = 2 * d * (hidden or 4 * d)
        assert counted == v * d + depth * (d * 3 * d + d * d + mlp + d + d) + d == module.language_model_parameters(v, d, depth, hidden)


@of("language_model")
def it_starts_knowing_nothing(module):
    torch.manual_seed(0)
    model = module.LanguageModel(50, 32, 4, 4, 16)
    logits = model(torch.randint(50, (8, 16)))
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.randint(50, (8 * 16,)))
    assert abs(loss.item() - math.log(50)) < 0.05
    deviations = [model.blocks[0].mlp_in.weight.std().item(), model.blocks[0].mlp_out.weight.std().item() * 8**0.5]
    assert deviations == pytest.approx([0.02, 0.02], rel=0.1)


@of("sampling")
def cached_sampling_is_sampling(module):
    model = built()
    for temperature in (0, 0.7, 1.0, 2.0):
        found = []
        for cached in (True, False):
            generator = torch.Generator().manual_seed(5)
            found.append(module.sample(model, tokens(length=3), CONTEXT - 3, temperature, generator, cached))
        assert torch.equal(*found) and found[0].shape == (3, CONTEXT) and torch.equal(found[0][:, :3], tokens(length=3))


@of("sampling")
def tokens_come_as_often_as_they_should(module):
    logits = torch.tensor([0.0, 1.0, 2.0])
    for temperature in (0.5, 1.0, 3.0):
        found = module.drawn(logits.expand(20_000, 3), temperature, torch.Generator().manual_seed(0))
        shares = torch.bincount(found[:, 0], minlength=3) / 20_000
        torch.testing.assert_close(shares, (logits / temperature).softmax(-1), rtol=0, atol=0.015)  # four standard deviations
    assert module.drawn(logits.expand(5, 3), 0).flatten().tolist() == [2] * 5


@of("sampling")
def the_generator_alone_says_what_is_drawn(module):
    model, before = built().train(), torch.get_rng_state()
    one, two, other = (module.sample(model, tokens(length=1), 8, 1.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other) and torch.equal(before, torch.get_rng_state()) and model.training


@of.each
def test_each_is_as_it_should_be(name, check):
    check(of.original(name))


FAULTS = [
    ("rotary", "one rate for all", "10_000.0", "1.0"),
    ("rotary", "places from 0 always", "torch.arange(first, first + length,", "torch.arange(0, length,"),
    ("rotary", "turned back and forth", "even * sin + odd * cos", "odd * cos - even * sin"),
    ("language_model", "no mask", "is_causal=True", "is_causal=False"),
    ("language_model", "a mask that sees one too far", ".tril(before)", ".tril(before + 1)"),
    ("language_model", "places from 0 with a cache", "turned(q, before), turned(k, before)", "turned(q), turned(k)"),
    ("language_model", "no positions", "turned(q, before), turned(k, before)", "q, k"),
    ("language_model", "a head of its own", "self.norm = nn.RMSNorm(width)", "self.norm = nn.RMSNorm(width); "
     "self.head = nn.Linear(width, vocabulary, bias=False)"),
    ("language_model", "writes as large as the rest", " if writes else 0.02", " if False else 0.02"),
    ("sampling", "temperature ignored", "logits.float() / temperature", "logits.float()"),
    ("sampling", "the cache kept from the start", "logits, cache = model.continued(new, cache)", "logits, _ = model.continued(new, cache)"),
    ("sampling", "torch's own generator", ", generator=generator)", ")"),
]  # fmt: skip


@of.planted(FAULTS)
def test_a_planted_fault_is_found(name, old, new):
    assert of.gone_red(name, old, new)


def test_features_are_those_of_the_places():
    out = outputs_of(built(), tokens())
    assert list(out.features) == ["block1", "block2", "embedding"] and out.features["embedding"].shape == (3, CONTEXT, 8)
    torch.testing.assert_close(out.logits, out.features["embedding"] @ built().embedding.weight.T)
    assert out.logits.shape == (3, CONTEXT, V)


def test_bad_input_is_named():
    with pytest.raises(InputError, match="heads must divide the width into an even size.* 4 heads of width 12"):
        LanguageModel(V, 12, 1, 4, 4)
    with pytest.raises(InputError, match="context must be"):
        LanguageModel(V, 8, 1, 2, 0)
    model = built()
    for wrong in (torch.zeros(2, CONTEXT + 1, dtype=torch.long), torch.zeros(2, 3), torch.zeros(3, dtype=torch.long), tokens(length=0)):
        with pytest.raises(InputError, match=f"x must be tokens .* T from 1 to {CONTEXT}, but"):
            model(wrong)
    _, cache = model.continued(tokens(length=10))
    with pytest.raises(InputError, match="T from 1 to 2 after 10 others"):
        model.continued(tokens(length=3), cache)
    with pytest.raises(InputError, match="count must leave room in the context of 12, but 10 after 3 tokens"):
        sample(model, tokens(length=3), 10)
    with pytest.raises(InputError, match="temperature must be at least 0"):
        sample(model, tokens(length=3), 1, -1.0)
    with pytest.raises(InputError, match="start must be tokens"):
        sample(model, tokens(length=0), 1)
    with torch.no_grad():
        model.norm.weight.fill_(torch.nan)
    with pytest.raises(InputError, match="finite logits"):
        sample(model, tokens(length=3), 1)


# ---- in the training loop ------------------------------------------------------------------------------------------------------


def small_student():
    return LanguageModel(V, 8, 1, 2, CONTEXT)


def sequences(count, seed):
    """Counting upwards by 1 or 2, with padding (token 0) behind some of them."""
    start, step = torch.randint(V, (2, count, 1), generator=torch.Generator().manual_seed(seed))
    found = (start + (1 + step % 2) * torch.arange(CONTEXT)) % (V - 1) + 1
    found[::3, 9:] = 0
    x, y = next_tokens(found, padding=0)
    return TokenPool(x, y, V)


RECIPE = Recipe(steps=5, batch_size=4, lr=1e-2, check_every=5)


@pytest.mark.usefixtures("no_cache")
def test_it_is_compared_in_one_stack():
    pool, test = sequences(24, 1), sequences(12, 2)
    arms = {"labels": HardLabels(), "forward": TokenForwardKL(2.0), "jsd": GeneralisedJSD(0.3)}
    found = compare(small_student, built(wide=False).float(), pool, arms, test=test, recipe=RECIPE, replicates=2, stack=True, progress=False)
    assert found.arms == list(arms) and len(found.replicates) == 2
    assert found.scores["accuracy"].shape == (2, 3) and not found.diverged.any()


@pytest.mark.usefixtures("no_cache")
@pytest.mark.parametrize("store", ["memory", TopK(4)], ids=["whole", "top 4"])
def test_students_in_a_stack_are_those_trained_alone(store):
    pool, teacher = sequences(12, 1), built(wide=False).float()
    guide = Teacher(teacher).over(pool, store=store)
    student = lambda: small_student().double()
    together, alone = (
        distill(student, guide, pool, TokenForwardKL(2.0), seeds=seeds, recipe=RECIPE, progress=False) for seeds in ((3, 4), (4,))
    )
    assert together.why_alone is None or together.why_alone == ""
    mine, other, first = together.model(1).state_dict(), alone.model(0).state_dict(), together.model(0).state_dict()
    assert max((mine[k] - other[k]).abs().max() for k in mine) < 1e-9 < max((mine[k] - first[k]).abs().max() for k in mine)
    assert together.history["soft"].isfinite().all() and "embedding.weight" in mine and "head.weight" not in mine
