"""A module with all weights drawn anew: the control for what training has put into them."""

import copy

import torch
from torch import nn

from distill_helpers.checks import InputError, whole
from distill_helpers.training.randomness import build_seeded


def untrained_copy(module: nn.Module, seed: int) -> nn.Module:
    """A copy of ``module`` in which every parameter is drawn anew, under ``seed``.

    Each submodule that has ``reset_parameters`` (or ``_reset_parameters``) draws its own, the innermost first; those of batch
    normalisation also clear the running statistics. A floating-point parameter that none of them has set, such as a bare ``nn.Parameter``,
    becomes normal noise with the mean and the deviation of the trained one: of what was learnt its scale alone remains. Buffers that
    no reset touches are part of the architecture and stay. Raises InputError for a parameter that is afterwards what it was, unless
    all its numbers are equal, as those of a bias that starts at zero.
    """
    whole("seed", seed, 0)
    where = next((p.device for p in module.parameters()), torch.device("cpu"))
    # drawn on the processor, so that a seed means the same on every device
    return build_seeded(lambda: _drawn_anew(copy.deepcopy(module).cpu()), seed, "untrained teacher").to(where)


@torch.no_grad()
def _drawn_anew(trained: nn.Module) -> nn.Module:
    module = copy.deepcopy(trained)
    before = dict(trained.named_parameters())
    for parameter in module.parameters():
        if parameter.is_floating_point():
            parameter.fill_(torch.nan)  # what no reset overwrites stays NaN, and is found below
    module.apply(_reset)
    for name, parameter in module.named_parameters():
        old = before[name]
        if parameter.isnan().any():
            spread = old.float().std(correction=0) if old.numel() > 1 else old.float().abs().mean()
            parameter.copy_(old.float().mean() + spread * torch.randn(old.shape).to(old.device) if spread > 0 else old)
        if torch.equal(parameter, old) and not (old == old.flatten()[:1]).all():
            raise InputError(
                f"teacher's parameter {name!r} is the same after drawing anew as before, which makes this no control: give a trained teacher, "
                f"or another seed where its weights were drawn under this one."
            )
    return module


def _reset(module: nn.Module):
    reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
    if callable(reset):
        try:
            reset()
        except TypeError as error:
            raise InputError(f"the reset of {type(module).__name__} must need no arguments: {error}.") from error
