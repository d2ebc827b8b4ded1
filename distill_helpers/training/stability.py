"""How large a learning rate a net bears before plain gradient descent stops working."""

import torch
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from distill_helpers.checks import InputError, positive, whole
from distill_helpers.data.pool import Pool
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.training.randomness import build_seeded, data_order


def largest_stable_rate(build, pool: Pool, seeds, low: float = 1e-3, high: float = 1e2, halvings: int = 8, steps: int = 60,
                        batch_size: int = 128) -> torch.Tensor:  # fmt: skip
    """The largest learning rate at which SGD still lowers the loss, one for each seed: float64 [seeds].

    Bisection in the logarithm between ``low`` and ``high``, to a factor of (high/low)^(1/2^halvings). A rate is stable when no
    loss of ``steps`` exceeds the first by more than half and the mean of the last ten is below the first; the former also
    tells learning from a net that blows up, loses all its ReLUs and then guesses calmly. build: a function without arguments that
    makes a net; every trial of a seed begins with the same weights and sees the same batches of the pool's first view.
    A seed that is not stable even at ``low`` gets ``low``. Raises InputError for low >= high or a pool without labels.
    """
    positive("low", low)
    whole("halvings", halvings)
    whole("steps", steps, 20)
    if not high > low:
        raise InputError(f"high must be greater than low={low!r}, but {high!r} was given.")
    if pool.labels is None:
        raise InputError("pool must carry labels, but it has none.")
    modules = [build_seeded(build, seed) for seed in seeds]
    if any(True for _ in modules[0].buffers()) or not all(p.requires_grad for p in modules[0].parameters()):
        raise InputError("build must make a net without buffers and frozen weights, of which plain gradient descent knows nothing.")
    start, _ = stack_module_state(modules)
    orders = [torch.cat([data_order(seed, len(pool), batch_size, epoch) for epoch in range(_epochs(pool, batch_size, steps))])
              for seed in seeds]  # fmt: skip
    index = torch.stack(orders, 1)[:steps]
    slope = vmap(grad_and_value(lambda p, x, y: cross_entropy(functional_call(modules[0], p, (x,)), y)))
    floor, ceiling = (torch.full((len(modules),), value, dtype=torch.double).log() for value in (low, high))
    for _ in range(halvings):
        middle = (floor + ceiling) / 2
        stable = _stable(start, slope, pool, index, middle.exp())
        floor, ceiling = torch.where(stable, middle, floor), torch.where(stable, ceiling, middle)
    return floor.exp()


def _epochs(pool, batch_size: int, steps: int) -> int:
    return -(-steps // max(1, len(pool) // batch_size))


def _stable(start, slope, pool, index, rates) -> torch.Tensor:
    """Which students' losses fall at these rates, bool [students]."""
    params = {name: p.detach().clone() for name, p in start.items()}
    rates, losses = rates.float(), []
    for chosen in index:
        grads, loss = slope(params, pool.inputs(torch.zeros_like(chosen), chosen), pool.labels[chosen])
        losses.append(loss)
        for name, p in params.items():
            p -= rates.view(-1, *[1] * (p.dim() - 1)) * grads[name]
    losses = torch.stack(losses)
    return (losses <= 1.5 * losses[0]).all(0) & (losses[-10:].mean(0) < losses[0])
