"""Text from a language model: one token after the other, each drawn from what the model says of it."""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, at_least, whole
from distill_helpers.models.language_model import LanguageModel


@torch.no_grad()
def sample(model: LanguageModel, start: Tensor, count: int, temperature: float = 1.0, generator=None, cached: bool = True) -> Tensor:
    """``start`` [B, T] with ``count`` more tokens behind it, int64 [B, T + count], drawn from softmax(logits / temperature).

    temperature 0 takes the most probable token each time. generator: a ``torch.Generator`` on the model's device; None is torch's own.
    cached: keys and values of the places before are kept, so that each token costs one place; else all are computed again, with
    the same result but for rounding. The model is in evaluation mode meanwhile.
    Raises InputError for a temperature below 0, no tokens to start from, and more places than the model's ``context``.
    """
    at_least("temperature", temperature, 0)
    whole("count", count)
    if start.dim() != 2 or start.is_floating_point() or start.shape[1] < 1:
        raise InputError(f"start must be tokens [B, T], one at least, but {start.dtype} {tuple(start.shape)} was given.")
    if start.shape[1] + count > model.context:
        raise InputError(f"count must leave room in the context of {model.context}, but {count} after {start.shape[1]} tokens was given.")
    was_training = model.training
    model.eval()
    try:
        tokens, cache, new = start.long(), None, start.long()
        for _ in range(count):
            if cached:
                logits, cache = model.continued(new, cache)
            else:
                logits = model(tokens)
            new = drawn(logits[:, -1], temperature, generator)
            tokens = torch.cat([tokens, new], 1)
        return tokens
    finally:
        model.train(was_training)


def drawn(logits: Tensor, temperature: float, generator=None) -> Tensor:
    """One token of each row of logits [B, V], int64 [B, 1]. Raises InputError for logits that are NaN or infinite."""
    if not logits.isfinite().all():
        raise InputError("model must answer with finite logits, but it gives NaN or infinity.")
    if temperature == 0:
        return logits.argmax(-1, keepdim=True)
    return torch.multinomial((logits.float() / temperature).softmax(-1), 1, generator=generator)
