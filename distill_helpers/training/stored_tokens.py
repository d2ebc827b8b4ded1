"""What a teacher's stored answers to tokens lose: loss and gradient by the k largest probabilities, against those by all of them.

The store is ``TopK``. What is kept of an answer can be read in four ways, each of which is some forward KL from the teacher's p to the student's q:

- "truncated": the k largest as they were and nothing of the rest, Σ p ln(p/q) over the k; no divergence, since the k do not sum to 1;
- "renormalised": the k largest scaled to sum to 1 (``TopK(k, tail=False)``);
- "spread": the rest in one number, spread evenly over the other tokens (``TopK(k)``, as the trainer reads it);
- "bucket": the rest in one number, against the student's sum over the other tokens: KL over k + 1 outcomes. The only one of the four
  whose gradient is 0 where the student is the teacher, and the only one that says nothing of how the rest is divided.
"""

import torch
from torch import Tensor

from distill_helpers.checks import InputError, finite, whole
from distill_helpers.training.stores import TopK, decoded, encoded

WAYS = ("truncated", "renormalised", "spread", "bucket")


def stored_loss(way: str, kept: dict[str, Tensor], log_q: Tensor) -> Tensor:
    """The loss of each place in nats, [...], from the columns that ``TopK`` kept and the student's log-probabilities [..., V].

    way: one of WAYS. "renormalised" wants the columns of ``TopK(k, tail=False)``, the others those of ``TopK(k)``.
    """
    values, places = kept["logits.values"].to(log_q.dtype), kept["logits.places"].long()
    vocabulary, k = log_q.shape[-1], values.shape[-1]
    if way in ("renormalised", "spread"):
        log_p = decoded(TopK(k), "logits", kept, vocabulary).to(log_q.dtype)
        return (log_p.exp() * (log_p - log_q)).sum(-1)
    loss = (values.exp() * (values - log_q.gather(-1, places))).sum(-1)
    if way == "bucket" and k < vocabulary:
        rest = kept["logits.tail"].to(log_q.dtype).squeeze(-1)
        loss = loss + rest.exp() * (rest - log_q.scatter(-1, places, -torch.inf).logsumexp(-1))
    return loss


def bytes_each(kept: dict[str, Tensor]) -> int:
    """Bytes of the columns for one token's answer."""
    return sum(column.shape[-1] * column.element_size() for column in kept.values())


def stored_answers_table(teacher: Tensor, student: Tensor, ks) -> list[dict]:
    """A row for all probabilities ("whole", k = V, in float32), and for each k and way one: what it costs and what it changes.

    teacher, student: logits [..., V], such as [N, T, V]; all places count alike. ks: whole numbers from 1 to V. "bytes": for one token's
    answer. "kept": the mean probability of the k largest. "loss": mean forward KL in nats, as this way of reading has it, and "bias" its
    difference to the whole one. "gradient bias": the length of the difference between both gradients by the student's logits, over all
    places, relative to the whole gradient's. Computed in float64 from what is kept in float32, at temperature 1. Raises InputError for
    logits that do not fit, for a student that is the teacher, where there is no gradient to compare with, and for k out of range.
    """
    for name, logits in (("teacher", teacher), ("student", student)):
        if not isinstance(logits, Tensor) or not logits.is_floating_point() or logits.dim() < 2:
            raise InputError(f"{name} must be logits [..., V], but {getattr(logits, 'shape', logits)!r} was given.")
        finite(name, logits)
    if teacher.shape != student.shape:
        raise InputError(f"teacher must answer in the student's shape, {tuple(student.shape)}, but it gives {tuple(teacher.shape)}.")
    vocabulary = teacher.shape[-1]
    teacher, student = (z.detach().double().reshape(-1, vocabulary) for z in (teacher, student))
    log_p = teacher.log_softmax(-1)
    full, wanted = _with_gradient(lambda log_q: (log_p.exp() * (log_p - log_q)).sum(-1), student)
    if wanted.norm() < 1e-9 * len(student) ** -0.5:
        raise InputError("student must differ from the teacher, but it answers as the teacher does.")
    rows = [{"k": vocabulary, "way": "whole", "bytes": 4 * vocabulary, "kept": 1.0, "loss": full.item(), "bias": 0.0, "gradient bias": 0.0}]
    for k in ks:
        whole("k", k)
        both = {tail: encoded(TopK(k, tail), "logits", teacher) for tail in (True, False)}
        for way in WAYS:
            kept = both[way != "renormalised"]
            loss, slope = _with_gradient(lambda log_q, way=way, kept=kept: stored_loss(way, kept, log_q), student)
            stored = {name: c for name, c in kept.items() if way != "truncated" or name != "logits.tail"}
            rows.append({
                "k": k,
                "way": way,
                "bytes": bytes_each(stored),
                "kept": both[True]["logits.values"].exp().sum(-1).mean().item(),
                "loss": loss.item(),
                "bias": (loss - full).item(),
                "gradient bias": ((slope - wanted).norm() / wanted.norm()).item(),
            })  # fmt: skip
    return rows


def _with_gradient(loss, student: Tensor) -> tuple[Tensor, Tensor]:
    """The mean loss over places, and its gradient by the logits [places, V]."""
    logits = student.clone().requires_grad_()
    mean = loss(logits.log_softmax(-1)).mean()
    return mean.detach(), torch.autograd.grad(mean, logits)[0]
