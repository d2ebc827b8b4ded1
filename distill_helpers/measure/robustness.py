"""Attacks on inputs, and how much accuracy is left under them.

An attack moves each input by at most eps in every number (the L-infinity norm) and stays in [0, 1], to raise the loss of its label.
``model`` is a module in evaluation mode, any function from inputs to logits, or a Run: then all of its students are attacked at
once, each with perturbations of its own, and results gain a leading [students]. Weights and their gradients are left untouched.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from distill_helpers.checks import InputError, at_least, finite, labels_in_range, not_empty, one_of, whole


def fgsm(model, x: Tensor, y: Tensor, eps: float, loss: str = "cross-entropy") -> Tensor:
    """x + eps · sign of the loss's gradient, cut to [0, 1]: one step, exact for a linear model of two classes.

    Goodfellow, Shlens & Szegedy, "Explaining and Harnessing Adversarial Examples", ICLR 2015, section 4. x [N, ...], y int64 [N];
    returns x's shape, [students, N, ...] for a Run.
    """
    call, x = _prepared(model, x, y, eps, loss)
    return (x + eps * _slope(call, x, y, loss)[0].sign()).clamp(0, 1)


def pgd(model, x: Tensor, y: Tensor, eps: float, steps: int = 20, step_size: float | None = None, restarts: int = 1,
        generator: torch.Generator | None = None, loss: str = "cross-entropy") -> Tensor:  # fmt: skip
    """Projected gradient ascent on the loss: steps of step_size · sign(gradient), each cut back to the eps-ball and to [0, 1].

    Madry, Makelov, Schmidt, Tsipras & Vladu, "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018, section
    2.1, from a uniformly random start. Of all points met in all restarts, x among them, each example keeps the worst: a
    misclassified one before a right one, then the larger loss. So a restart more never helps the model.
    step_size: 2.5 · eps / steps by default, so that any point of the ball can be reached. generator: for the starts, seeded
    with 0 by default; all students of a Run start alike. loss: "cross-entropy", or "margin", the largest wrong logit minus the
    right one (Carlini & Wagner 2017, f_6), whose gradient does not vanish where the model is certain. Same shapes as ``fgsm``.
    """
    call, x = _prepared(model, x, y, eps, loss)
    whole("steps", steps, 0)
    whole("restarts", restarts)
    step_size = 2.5 * eps / max(steps, 1) if step_size is None else step_size
    at_least("step_size", step_size, 0)
    generator = generator or torch.Generator(x.device).manual_seed(0)
    low, high = (x - eps).clamp(min=0), (x + eps).clamp(max=1)
    shape = x.shape[1:] if isinstance(call, Stacked) else x.shape
    worst, badness = x, _badness(call, x, y, loss)
    for _ in range(restarts):
        noise = 2 * torch.rand(shape, generator=generator, device=x.device, dtype=x.dtype) - 1
        moved = (x + eps * noise).clamp(0, 1)
        for _ in range(steps):
            slope, bad = _slope(call, moved, y, loss)
            worst, badness = _worse(worst, badness, moved, bad)
            moved = torch.minimum(torch.maximum(moved + step_size * slope.sign(), low), high)
        worst, badness = _worse(worst, badness, moved, _badness(call, moved, y, loss))
    return worst


def robust_accuracy(model, x: Tensor, y: Tensor, eps: float, steps: int = 20, restarts: int = 1, **attack) -> Tensor:
    """Share of examples that stay right under ``pgd``: a scalar, or [students] for a Run. attack: what ``pgd`` takes besides."""
    return transfer_accuracy(model, model, x, y, eps, steps, restarts, **attack)


def transfer_accuracy(model, source, x: Tensor, y: Tensor, eps: float, steps: int = 20, restarts: int = 1, **attack) -> Tensor:
    """Accuracy of ``model`` on what ``pgd`` found against ``source``, without a look into model: a scalar, or [students].

    A model whose white-box accuracy lies ABOVE this hides its gradients (Papernot et al. 2017; Athalye, Carlini & Wagner 2018,
    section 3.1). source may be a Run of as many students as model, or one model for all.
    """
    attacked = pgd(source, x, y, eps, steps, restarts=restarts, **attack)
    call = _callable(model)
    if isinstance(call, Stacked) and not isinstance(_callable(source), Stacked):
        attacked = attacked.expand(call.students, *attacked.shape)
    with torch.no_grad():
        return (call(attacked).argmax(-1) == y).float().mean(-1)


def attack_strength(model, x: Tensor, y: Tensor, eps: float, budgets=((1, 1), (10, 1), (40, 1), (40, 4)), **attack) -> dict:
    """{(steps, restarts): robust accuracy}. An attack is strong enough when the last figures hardly fall any more."""
    return {(steps, restarts): robust_accuracy(model, x, y, eps, steps, restarts, **attack) for steps, restarts in budgets}


class Stacked:
    """All students of a Run as one function: inputs [students, N, ...], one set for each, to logits [students, N, C]."""

    def __init__(self, run):
        self.students = len(run)
        self.skeleton = run.fleet.skeletons["student"]
        self.state = {name: tensor.detach() for name, tensor in run.fleet.state()["student"].items()}

    def __call__(self, x: Tensor) -> Tensor:
        was_training = self.skeleton.training
        self.skeleton.eval()
        try:
            return torch.func.vmap(lambda state, own: torch.func.functional_call(self.skeleton, state, (own,)))(self.state, x)
        finally:
            self.skeleton.train(was_training)


def _callable(model) -> Callable:
    return Stacked(model) if hasattr(model, "fleet") else model


def _prepared(model, x: Tensor, y: Tensor, eps: float, loss: str):
    """The model as a function, and x with a leading [students] where there are several."""
    at_least("eps", eps, 0)
    one_of("loss", loss, ("cross-entropy", "margin"))
    if isinstance(model, nn.Module) and model.training:
        raise InputError("model must be in evaluation mode, but it is in training mode; call model.eval() first.")
    finite("x", x)
    not_empty("x", len(x))
    if not x.is_floating_point() or x.min() < 0 or x.max() > 1:
        raise InputError(f"x must be floating-point in [0, 1], but {x.dtype} from {x.min():g} to {x.max():g} was given.")
    if y.dtype != torch.int64 or y.shape != x.shape[:1]:
        raise InputError(f"y must be int64 [{len(x)}], one for each example, but {y.dtype} {list(y.shape)} was given.")
    call, x = _callable(model), x.detach()
    if isinstance(call, Stacked):
        x = x.expand(call.students, *x.shape)
    with torch.no_grad():
        labels_in_range("y", y, call(x[:, :1] if isinstance(call, Stacked) else x[:1]).shape[-1])
    return call, x


def _losses(logits: Tensor, y: Tensor, loss: str) -> Tensor:
    """The attacked loss of each example, [..., N]."""
    own = y.expand(logits.shape[:-1]).unsqueeze(-1)
    if loss == "cross-entropy":
        return -logits.log_softmax(-1).gather(-1, own).squeeze(-1)
    wrong = logits.scatter(-1, own, -torch.inf).amax(-1)
    return wrong - logits.gather(-1, own).squeeze(-1)


def _ranked(logits: Tensor, y: Tensor, loss: str) -> tuple[Tensor, Tensor]:
    return logits.argmax(-1) != y, _losses(logits, y, loss)


def _badness(call, x: Tensor, y: Tensor, loss: str):
    """How bad each example is: (misclassified, loss), each [..., N]."""
    with torch.no_grad():
        return _ranked(call(x), y, loss)


def _slope(call, x: Tensor, y: Tensor, loss: str):
    """The gradient of each example's loss with respect to it, and how bad the example is."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        wrong, losses = _ranked(call(x), y, loss)
        return torch.autograd.grad(losses.sum(), x)[0], (wrong, losses.detach())


def _worse(x: Tensor, old, moved: Tensor, new):
    """For each example the worse of two points, and how bad it is."""
    take = (new[0] & ~old[0]) | ((new[0] == old[0]) & (new[1] > old[1]))
    rows = take.view(*take.shape, *[1] * (x.dim() - take.dim()))
    return torch.where(rows, moved, x), tuple(torch.where(take, n, o) for n, o in zip(new, old, strict=True))
