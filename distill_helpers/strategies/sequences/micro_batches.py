"""One batch in several parts, for models whose answers to all of it do not fit in memory: the loss of the whole, part by part."""

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract.label_means import over
from distill_helpers.strategies.sequences.token_divergence import TokenDivergence


def in_parts(strategy: TokenDivergence, student, asked):
    """The terms of each part's share of the whole batch's loss: dicts whose sums over parts are the terms of the whole.

    asked: [(teacher, batch), ...], the parts. Each dict may be differentiated before the next is asked for, and the gradients add
    up to the whole batch's. A strategy's ``loss`` is a mean over the valid tokens of what it is given, and a mean of such means is not the
    mean: a part with few tokens would count as much as one with many. So each part's terms are weighted by its share of what the term's
    mean divides by, which labels and inputs alone determine (``TokenDivergence.counted``); the contract needs no more for that.

    Raises InputError for other strategies, and for no parts.
    """
    asked = list(asked)
    if not isinstance(strategy, TokenDivergence):
        raise InputError(f"strategy must be a divergence on tokens, but {strategy!r} was given.")
    if not asked:
        raise InputError("asked must hold at least one part (teacher, batch), but it is empty.")
    counted = [strategy.counted(batch) for _, batch in asked]
    if any(one.keys() != counted[0].keys() for one in counted):
        raise InputError("asked must hold parts that all have labels, or none that has, but both kinds were given.")
    whole = {name: sum(one[name] for one in counted) for name in counted[0]}
    for (teacher, batch), mine in zip(asked, counted, strict=True):
        terms = strategy.loss(student, teacher, batch)
        yield {name: term * over(mine[name].to(term.dtype), whole[name].to(term.dtype)) for name, term in terms.items()}
