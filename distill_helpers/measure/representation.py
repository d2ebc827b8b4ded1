"""What a layer's features are like: how many dimensions they use, what can be read from them, and whose they resemble."""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, finite, labels_in_range


def effective_rank(features: Tensor) -> Tensor:
    """exp of the entropy of the normalised singular values of the centred features [..., N, D] -> [...], from 1 to D.

    Roy & Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007, definition 1.
    """
    _check("features", features)
    s = torch.linalg.svdvals(features - features.mean(-2, keepdim=True))
    p = s / s.sum(-1, keepdim=True).clamp(min=1e-30)
    return torch.special.entr(p).sum(-1).exp()


def linear_cka(a: Tensor, b: Tensor) -> Tensor:
    """Linear centred kernel alignment of features a [..., N, D] and b [N, E] on the same examples, 0 to 1.

    ‖BᵀA‖² / (‖AᵀA‖ ‖BᵀB‖) in Frobenius norms (Kornblith et al. 2019, "Similarity of Neural Network Representations
    Revisited", eq. 4). It does not change when either side is rotated or scaled.
    """
    _check("a", a)
    _check("b", b)
    if a.shape[-2] != b.shape[-2]:
        raise InputError(f"a and b must describe the same examples, but {a.shape[-2]} and {b.shape[-2]} were given.")
    a, b = (m.double() - m.double().mean(-2, keepdim=True) for m in (a, b))

    def square(left, right):
        return (left.transpose(-1, -2) @ right).square().sum((-1, -2))

    return square(a, b) / (square(a, a) * square(b, b)).sqrt()


def linear_probe(features: Tensor, labels: Tensor, test_features: Tensor, test_labels: Tensor, classes: int, decay: float = 1e-3,
                 steps: int = 400) -> Tensor:  # fmt: skip
    """Test accuracy of a linear classifier fitted to frozen features (Alain & Bengio 2017), for each leading index: [...].

    features [..., N, D], standardised by their own mean and deviation; multinomial logistic regression with an L2 penalty of
    decay/2 on the weights, by ``steps`` full-batch Adam updates from zero (the problem is convex).
    """
    _check("features", features)
    _check("test_features", test_features)
    labels_in_range("labels", labels, classes)
    mean, std = features.mean(-2, keepdim=True), features.std(-2, keepdim=True).clamp(min=1e-6)
    x, test = (features - mean) / std, (test_features - mean) / std
    lead = x.shape[:-2]
    weight = torch.zeros(*lead, x.shape[-1], classes, device=x.device, requires_grad=True)
    bias = torch.zeros(*lead, 1, classes, device=x.device, requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    index = labels.expand(*lead, -1).unsqueeze(-1)
    for _ in range(steps):
        log_p = (x @ weight + bias).log_softmax(-1)
        loss = -log_p.gather(-1, index).squeeze(-1).mean(-1) + decay / 2 * weight.square().sum((-1, -2))
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        schedule.step()
    return ((test @ weight + bias).argmax(-1) == test_labels).float().mean(-1).detach()


def _check(name: str, features: Tensor) -> None:
    if not isinstance(features, Tensor) or not features.is_floating_point() or features.dim() < 2:
        given = f"{features.dtype} {list(features.shape)}" if isinstance(features, Tensor) else type(features).__name__
        raise InputError(f"{name} must be floating-point [..., N, D], but {given} was given.")
    finite(name, features)
