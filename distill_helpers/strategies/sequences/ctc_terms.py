"""What the strategies on CTC share: the loss of strings, distances frame by frame, and the check of labels. All are means over real frames.

The last class is the blank (``transcripts``). A mean is a sum over all real frames of the batch, divided by their number: padding counts
nowhere, and a frame counts as much in a short sound as in a long one.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from distill_helpers.checks import InputError
from distill_helpers.strategies.contract import describe
from distill_helpers.strategies.contract.divergences import kl_rows
from distill_helpers.transcripts import NOTHING, frames_of


def ctc_loss(logits: Tensor, targets: Tensor, frames: Tensor, counts: Tensor | None = None) -> Tensor:
    """-log p(string | sound) in nats a frame: the sum over the strings that count, over the sum of their frames; 0 where none counts.

    logits [B, T, C], targets int64 [B, L] padded with -1, frames int64 [B], counts bool [B]; all count by default. Graves et al. 2006, eq. 8.
    """
    each = string_losses(logits, targets, frames)
    weights = torch.ones_like(each) if counts is None else counts.to(each.dtype)
    whole = (weights * frames).sum()
    return (weights * each).sum() / torch.where(whole > 0, whole, 1)


def string_losses(logits: Tensor, targets: Tensor, frames: Tensor) -> Tensor:
    """[B]: -log p(string | sound) in nats of each string, by ``torch.nn.functional.ctc_loss``; 0, and without a gradient, where it does not fit
    into its frames (each label takes one, and a blank must stand between two equal ones).
    """
    log_p = logits.log_softmax(-1)
    # torch has no CTC loss in half precision
    return _StringLosses.apply(log_p if log_p.dtype == torch.float64 else log_p.float(), targets, frames)[0]


def frame_divergence(teacher: Tensor, student: Tensor, frames: Tensor, temperature=1.0) -> Tensor:
    """Mean over all real frames of the batch of KL(teacher || student) at one temperature, in nats. Both logits [B, T, C], frames int64 [B]."""
    each = kl_rows(teacher, student, temperature)
    inside = torch.arange(each.shape[1], device=each.device) < frames.unsqueeze(1)
    return (each * inside).sum() / inside.sum()


def require_frames(logits: Tensor, strategy: str) -> None:
    """Raise unless the outputs are frames, [B, T, C]."""
    if logits.dim() != 3:
        raise InputError(f"{strategy} needs an answer for each frame, outputs [B, T, C], but they are {tuple(logits.shape)}.")


def require_strings(y, strategy: str) -> dict[str, Tensor]:
    """The strings of a batch, or a clear error when the data carry something else."""
    if not isinstance(y, dict) or "targets" not in y:
        given = f"a dict of {', '.join(map(repr, y))}" if isinstance(y, dict) else describe(y)
        raise InputError(f"{strategy} needs strings as targets, a dict of 'targets' [B, L], padded with {NOTHING}, and 'share' [B], the share of "
                         f"the frames that is sound, but the data carry {given}.")  # fmt: skip
    if y["targets"].dim() != 2 or y["targets"].is_floating_point():
        raise InputError(f"{strategy} needs 'targets' int64 [B, L], but the data carry {y['targets'].dtype} {tuple(y['targets'].shape)}.")
    return y


def real_frames(y, logits: Tensor) -> Tensor:
    """int64 [B]: how many frames of each sound are no padding; all of them for data that do not say."""
    return frames_of(y.get("share") if isinstance(y, dict) else None, logits)


def labelled(y: dict) -> Tensor:
    """bool [B]: whose string is known; all of them, unless "labelled" of the labels says otherwise."""
    return y["labelled"] if "labelled" in y else torch.ones_like(y["targets"][:, 0], dtype=torch.bool)


class _StringLosses(torch.autograd.Function):
    """torch's CTC loss of each string, which it cannot map: mapped students are laid one behind the other in one larger batch.

    Torch reads the lengths on the CPU, so on another device the step waits for them.
    """

    @staticmethod
    def forward(log_p, targets, frames):
        with torch.enable_grad():
            given = log_p.detach().movedim(1, 0).requires_grad_()
            lengths = (targets != NOTHING).sum(1)
            each = F.ctc_loss(given, targets.clamp(min=0), frames, lengths, blank=log_p.shape[-1] - 1, reduction="none", zero_infinity=True)
            (slope,) = torch.autograd.grad(each.sum(), given)
        return each.detach(), slope.movedim(0, 1)

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.mark_non_differentiable(output[1])
        ctx.save_for_backward(output[1])

    @staticmethod
    def backward(ctx, grad, _):
        (slope,) = ctx.saved_tensors
        return grad.view(-1, 1, 1) * slope, None, None

    @staticmethod
    def vmap(info, in_dims, *given):
        count = info.batch_size
        moved = [t.unsqueeze(0).expand(count, *t.shape) if d is None else t.movedim(d, 0) for t, d in zip(given, in_dims, strict=True)]
        each, slope = _StringLosses.apply(*(t.flatten(0, 1) for t in moved))
        return (each.unflatten(0, (count, -1)), slope.unflatten(0, (count, -1))), (0, 0)
