"""Exercises: taming deep networks."""

import torch

from distill_helpers.course.exercises.grading import Exercise, Mistake


def _grads(seed, scale):
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(4, 3, generator=generator), 3 * scale * torch.randn(5, generator=generator)]


def _joined(grads):
    return torch.cat([g.flatten() for g in grads])


def _clip(grads, limit):
    flat = _joined(grads)
    return flat * (limit / flat.norm()).clamp(max=1)


def _matrix(seed):
    return torch.randn(4, 4, generator=torch.Generator().manual_seed(seed))


def _orthogonal(matrix):
    q, r = torch.linalg.qr(matrix)
    return q * r.diagonal().sign()


def _step(seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(6, generator=generator), torch.randn(6, generator=generator)


EXERCISES = [
    Exercise(
        "1",
        "One norm for all gradients, one factor, and nothing is done below the limit.",
        reference=_clip,
        cases=((_grads(0, 1.0), 1.0), (_grads(1, 0.01), 1.0), (_grads(2, 2.0), 0.5)),
        mistakes=(
            Mistake(
                lambda g, m: _joined([t * (m / t.norm()).clamp(max=1) for t in g]),
                "You clip each tensor by its own norm; the norm is that of all together.",
            ),
            Mistake(lambda g, m: _joined(g) * m / _joined(g).norm(), "You also enlarge gradients below the limit; the factor is at most 1."),
            Mistake(lambda g, m: _joined(g).clamp(-m, m), "That is clipping by value: it changes the direction."),
            Mistake(lambda g, m: _joined(g) * (m / _joined(g).square().sum()).clamp(max=1), "Divide by the norm, not by its square."),
        ),
    ),
    Exercise(
        "2",
        "Q with the signs of R's diagonal: every rotation is equally likely.",
        reference=_orthogonal,
        cases=((_matrix(0),), (_matrix(1),), (_matrix(2),)),
        mistakes=(
            Mistake(lambda m: torch.linalg.qr(m)[0], "Q alone prefers some rotations: multiply its columns by the signs of R's diagonal."),
            Mistake(lambda m: torch.linalg.qr(m)[1], "You returned R, the triangle; Q is the orthogonal factor."),
            Mistake(
                lambda m: torch.linalg.qr(m)[0] * torch.linalg.qr(m)[1].diagonal().sign()[:, None],
                "You changed the signs of rows; they belong to columns.",
            ),
            Mistake(lambda m: m / m.norm(dim=0), "Columns of length one are not yet at right angles to each other: use QR."),
        ),
    ),
    Exercise(
        "3",
        "The weight shrinks by its own share, beside Adam's step.",
        reference=lambda w, d, lr, decay: w - lr * d - lr * decay * w,
        cases=((*_step(0), 0.1, 0.5), (*_step(1), 0.01, 1.0), (*_step(2), 0.2, 0.1)),
        mistakes=(
            Mistake(lambda w, d, lr, decay: w - lr * d - decay * w, "Decay is multiplied by the learning rate as well."),
            Mistake(lambda w, d, lr, decay: w - lr * d + lr * decay * w, "The sign is wrong: decay shrinks the weight."),
            Mistake(lambda w, d, lr, decay: w - lr * d, "Nothing decays: take lr · decay · weight away as well."),
            Mistake(
                lambda w, d, lr, decay: w - lr * d - lr * decay * w.sign(),
                "That is the gradient of an L1 penalty; decay is proportional to the weight.",
            ),
        ),
    ),
]
