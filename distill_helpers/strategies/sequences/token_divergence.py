"""What every divergence between the next-token distributions of teacher and student is: a mean over the tokens that count."""

import math

import torch
from torch import Tensor

from distill_helpers.checks import fraction, positive, whole
from distill_helpers.strategies.contract import Batch, Strategy, require_class_targets
from distill_helpers.strategies.contract.divergences import cross_entropy
from distill_helpers.strategies.contract.label_means import label_weights
from distill_helpers.strategies.contract.shapes import labels_fit
from distill_helpers.strategies.sequences.tokens import log_probabilities, places_that_count, same_vocabulary, token_mean


class TokenDivergence(Strategy):
    """weight · T^power · mean over tokens of a divergence + (1 - weight) · cross-entropy on the next tokens.

    Its dataclasses have the fields ``temperature``, ``weight`` and ``padding`` and define ``rows``. Logits are [B, T, V], or [B, V] for one answer
    each; labels int64 [B, T] are the next tokens, not shifted here (``data.next_tokens`` makes them). The mean is over the valid tokens
    of the whole batch together: those whose label is not the data's ``ignore_index`` and, with ``padding``, whose input is not that token. A
    sequence with more of them weighs more. Class weights are for the cross-entropy; a divergence knows no right class.

    Without labels, which weight = 1 allows, all places count but those of ``padding``. Where labels are withheld from a part of the
    data by putting ``ignore_index`` in their place (``Replicate.labelled``), that part teaches nothing: it cannot be told from padding.
    The loop sees one batch a step; ``micro_batches.in_parts`` gives the same loss for a batch that is cut in parts.

    Both sides are computed in single precision at least, whatever the models answer in. ``power`` is the power of 1/T with which the
    gradient shrinks at high temperatures, so T^power keeps its size, as T² does in Hinton et al. 2015, eq. 4.
    Raises InputError when temperature <= 0, weight is outside [0, 1], padding is no token, or the vocabularies differ.
    """

    signals = ("labels", "outputs")
    honours_task = True
    power = 2

    def __post_init__(self):
        positive("temperature", self.temperature)
        fraction("weight", self.weight)
        if self.padding is not None:
            whole("padding", self.padding, 0)

    @property
    def needs_labels(self):
        return self.weight != 1

    def rows(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """The divergence at each place in nats, from the log-probabilities of teacher (p) and student (q), [..., V] -> [...]."""
        raise NotImplementedError

    def loss(self, student, teacher, batch):
        s, t = student(batch.x).logits, teacher(batch).logits
        same_vocabulary(t, s)
        y = None if batch.y is None else require_class_targets(batch.y, type(self).__name__)
        if y is not None:
            labels_fit(s, y)
        counts = places_that_count(s.shape[:-1], batch.x, y, batch.task, self.padding)
        each = self.rows(log_probabilities(t, self.temperature), log_probabilities(s, self.temperature))
        terms = {"soft": self.weight * self.temperature**self.power * token_mean(each, counts)}
        if y is not None:
            terms["hard"] = (1 - self.weight) * cross_entropy(log_probabilities(s), y, batch.task)
        return terms

    def counted(self, batch: Batch) -> dict[str, Tensor]:
        """{term: what its mean divides by}: the number of valid tokens, and for cross-entropy the sum of their class weights.

        From labels, or without them from inputs that are tokens [B, T], one for each answer; nothing is asked of a model.
        """
        y, task = batch.y, batch.task
        counts = places_that_count(batch.x.shape if y is None else y.shape, batch.x, y, task, self.padding)
        found = {"soft": counts.sum()}
        if y is not None:
            like = task.class_weights if task.class_weights is not None else torch.ones((), device=y.device)
            found["hard"] = label_weights(y, task, like).sum()
        return found


def kl(log_p: Tensor, log_q: Tensor) -> Tensor:
    """KL(p || q) of each row in nats, from log-probabilities, [..., V] -> [...]."""
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def log_mixture(log_p: Tensor, log_q: Tensor, share) -> Tensor:
    """log(share · p + (1 - share) · q), elementwise, for a share between 0 and 1."""
    a, b = log_of(share), log_of(1 - share)
    return (log_p + a).logaddexp(log_q + b)


def log_of(number):
    """The natural logarithm of a number, or of a grid's tensor of one."""
    return number.log() if isinstance(number, Tensor) else math.log(number)
