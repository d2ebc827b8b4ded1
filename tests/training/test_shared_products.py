"""Arms that look at one batch share a product: the same numbers and gradients as arm by arm, and the batch is not copied."""

import pytest
import torch
from torch.func import vmap
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from distill_helpers.training.shared import SharedProducts


class Shapes(TorchDispatchMode):
    """Keeps the shapes of what products are given."""

    def __init__(self):
        super().__init__()
        self.given = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in (torch.ops.aten.bmm, torch.ops.aten.baddbmm):
            self.given.append(tuple(tuple(a.shape) for a in args if isinstance(a, torch.Tensor)))
        return func(*args, **(kwargs or {}))


def student(w, x):
    """Two layers on data of any shape; the second one's input differs between arms."""
    hidden = torch.tanh(F.linear(x.flatten(-2), w["a"], w.get("b")))
    return F.linear(hidden, w["c"], w.get("d"))


def weights(lanes, arms, biased=True):
    shapes = {"a": (5, 12), "b": (5,), "c": (3, 5), "d": (3,)}
    generator = torch.Generator().manual_seed(1)
    made = {n: torch.randn(lanes, arms, *s, generator=generator, dtype=torch.double) for n, s in shapes.items() if biased or n in "ac"}
    return {n: t.requires_grad_() for n, t in made.items()}


def found(w, x, mode):
    answer = vmap(vmap(student, (0, None)), (0, 0))
    with mode:
        out = answer(w, x)
    return out, torch.autograd.grad(out.sin().sum(), list(w.values()))


@pytest.mark.parametrize("biased", [True, False], ids=["bias", "no bias"])
@pytest.mark.parametrize("shape", [(7, 3, 4), (2, 7, 3, 4)], ids=["rows", "sequences"])
def test_outputs_and_gradients_are_those_of_arm_by_arm(biased, shape):
    x, w = torch.randn(2, *shape, dtype=torch.double, generator=torch.Generator().manual_seed(2)), weights(2, 3, biased)
    out, grads = found(w, x, SharedProducts())
    for lane in range(2):
        for arm in range(3):
            torch.testing.assert_close(out[lane, arm], student({n: t[lane, arm] for n, t in w.items()}, x[lane]), atol=1e-12, rtol=0)
    alone = torch.stack([torch.stack([student({n: t[i, a] for n, t in w.items()}, x[i]) for a in range(3)]) for i in range(2)])
    for a, b in zip(grads, torch.autograd.grad(alone.sin().sum(), list(w.values())), strict=True):
        torch.testing.assert_close(a, b, atol=1e-12, rtol=0)
    assert grads[0].is_contiguous()  # as the fused optimisers read it


def test_the_batch_is_multiplied_once_for_all_arms():
    x, w = torch.randn(2, 7, 3, 4, dtype=torch.double), weights(2, 6)
    with Shapes() as shapes:
        found(w, x, SharedProducts())
    assert ((2, 1, 30), (2, 7, 12), (2, 12, 30)) in shapes.given  # six arms of five units side by side
    assert not any((12, 7, 12) in given for given in shapes.given), "the batch was copied for each arm"


def test_a_weight_all_arms_share_and_data_with_a_gradient():
    x = torch.randn(2, 7, 12, dtype=torch.double, requires_grad=True)
    w, b = torch.randn(5, 12, dtype=torch.double, requires_grad=True), torch.randn(2, 3, 5, dtype=torch.double, requires_grad=True)
    call = lambda: vmap(vmap(lambda bias, x: F.linear(x, w, bias), (0, None)))(b, x)
    plain = call()
    with SharedProducts():
        shared = call()
    torch.testing.assert_close(shared, plain)
    for a, c in zip(*(torch.autograd.grad(out.sin().sum(), (x, w, b)) for out in (shared, plain)), strict=True):
        torch.testing.assert_close(a, c)
