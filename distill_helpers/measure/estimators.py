"""What the usual estimators of reverse KL are when they are differentiated: exact, by enumeration, on a vocabulary that can be enumerated.

Schulman, "Approximating KL Divergence", 2020, gives three estimates of KL(q || p) from tokens x drawn from q, with r = p(x) / q(x):
k1 = -ln r, k2 = (ln r)² / 2 and k3 = r - 1 - ln r. He compares them as numbers. As losses on sampled tokens, through which no gradient flows, they
teach three different things, and none of them follows from how good a number it is:

- E[∇k1] = E[∇ ln q] = 0: it teaches nothing, in the mean;
- E[∇k2] = E[ln(q / p) ∇ ln q] = ∇ KL(q || p): reverse KL;
- E[∇k3] = E[(1 - r) ∇ ln q] = -Σ p ∇ ln q = ∇ KL(p || q): forward KL.

The policy gradient, ln(q / p) held still times ∇ ln q (Williams 1992), has the mean of k2, and is the same for each token.
"""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, finite

LOSSES = {
    "k1": lambda ratio: -ratio,
    "k2": lambda ratio: ratio.square() / 2,
    "k3": lambda ratio: ratio.exp() - 1 - ratio,
}  # of ratio = ln p - ln q, elementwise


def token_gradients(teacher: Tensor, student: Tensor) -> dict[str, Tensor]:
    """{estimator: [V, V]}: row x is the gradient by the student's logits that token x gives, where x was sampled.

    teacher, student: logits [V]. Of "k1", "k2", "k3" and "policy gradient", in float64, nats per unit of logit.
    Raises InputError for logits of other shapes, NaN or infinity.
    """
    log_p, logits = _checked(teacher, student)
    by_token = lambda loss: torch.autograd.functional.jacobian(lambda z: loss(log_p - z.log_softmax(-1)), logits)
    found = {name: by_token(loss) for name, loss in LOSSES.items()}
    log_q = logits.log_softmax(-1)
    found["policy gradient"] = (log_q - log_p).unsqueeze(-1) * torch.autograd.functional.jacobian(lambda z: z.log_softmax(-1), logits)
    return found


def exact_gradients(teacher: Tensor, student: Tensor) -> dict[str, Tensor]:
    """{"forward KL", "reverse KL"}: their gradients by the student's logits, float64 [V], in closed form.

    ∇ KL(p || q) = q - p, and ∇ KL(q || p) = q · (ln(q / p) - KL(q || p)). Raises InputError as ``token_gradients``.
    """
    log_p, logits = _checked(teacher, student)
    log_q = logits.log_softmax(-1)
    ratio = log_q - log_p
    return {"forward KL": log_q.exp() - log_p.exp(), "reverse KL": log_q.exp() * (ratio - (log_q.exp() * ratio).sum())}


def estimator_table(teacher: Tensor, student: Tensor) -> list[dict]:
    """A row for each estimator: as a number, and as a loss on tokens that the student samples.

    teacher, student: logits [V]. "mean" and "deviation": of the number over tokens, in nats (None for the policy gradient, which is no
    number); KL(q || p) is "reverse KL" in each row. "gradient": the length of the expected gradient. "from forward KL", "from reverse KL":
    its distance to their exact gradients. "noise": the root of the summed variances of one token's gradient. All exact, in float64,
    without sampling.
    Raises InputError as ``token_gradients``.
    """
    log_p, logits = _checked(teacher, student)
    log_q = logits.log_softmax(-1)
    q, exact = log_q.exp(), exact_gradients(teacher, student)
    rows = []
    for name, each in token_gradients(teacher, student).items():
        mean = q @ each
        numbers = LOSSES[name](log_p - log_q) if name in LOSSES else None
        rows.append({
            "estimator": name,
            "reverse KL": (q @ (log_q - log_p)).item(),
            "mean": None if numbers is None else (q @ numbers).item(),
            "deviation": None if numbers is None else (q @ (numbers - q @ numbers).square()).sqrt().item(),
            "gradient": mean.norm().item(),
            **{f"from {kind}": (mean - gradient).norm().item() for kind, gradient in exact.items()},
            "noise": (q @ (each - mean).square().sum(-1)).sqrt().item(),
        })  # fmt: skip
    return rows


def _checked(teacher, student) -> tuple[Tensor, Tensor]:
    """The teacher's log-probabilities and the student's logits, float64 [V]."""
    for name, logits in (("teacher", teacher), ("student", student)):
        if not isinstance(logits, Tensor) or not logits.is_floating_point() or logits.dim() != 1 or len(logits) < 2:
            given = f"{logits.dtype} {tuple(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
            raise InputError(f"{name} must be logits [V] of two tokens at least, but {given} was given.")
        finite(name, logits)
    if teacher.shape != student.shape:
        raise InputError(f"teacher must have the student's vocabulary of {len(student)} tokens, but it answers about {len(teacher)}.")
    return teacher.detach().double().log_softmax(-1), student.detach().double()
