"""The residual student with masks on its inputs and hidden units, for dropout whose random numbers come from outside."""

import torch
from torch.func import functional_call

from distill_helpers.checks import InputError, fraction, whole
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.residual_student import ResidualStudent


class DroppedStudent(ResidualStudent):
    """A ResidualStudent whose inputs and hidden units are multiplied by masks: the inner units of each block, and what the head sees.

    The masks are buffers "mask_input" [in_features], "mask_block1" ... [inner] and "mask_embedding" [width], all ones: called
    as it is, the student has no dropout, the initial weights of ``ResidualStudent`` and its numbers.
    ``torch.func.functional_call`` takes masks with a row an example in their place, [B, ...], so students with dropout stack.
    Inside a block the mask is where wide residual networks have it (Zagoruyko & Komodakis 2016, section 2.4); the skip
    connection is never cut.
    """

    def __init__(self, in_features: int, width: int, inner: int, blocks: int, classes: int):
        super().__init__(in_features, width, inner, blocks, classes)
        self.register_buffer("mask_input", torch.ones(in_features))
        for number in range(1, blocks + 1):
            self.register_buffer(f"mask_block{number}", torch.ones(inner))
        self.register_buffer("mask_embedding", torch.ones(width))

    def forward(self, x, features: bool = False):
        h = self.stem(x.flatten(1) * self.mask_input)
        named = FeatureDict(stem=h)
        for number, block in enumerate(self.blocks, 1):
            inner = block.down(block.norm(h).relu()).relu()
            h = named[f"block{number}"] = h + block.up(inner * getattr(self, f"mask_block{number}"))
        named["embedding"] = self.norm(h).relu() * self.mask_embedding
        logits = self.head(named["embedding"])
        return Outputs(logits, named) if features else logits

    @torch.no_grad()
    def passes(self, x, rate: float, count: int, seed: int = 0):
        """Logits [count, B, classes] of ``count`` networks with a share ``rate`` of the hidden units dropped at random.

        Monte Carlo dropout (Gal & Ghahramani, "Dropout as a Bayesian Approximation", ICML 2016, section 4): the spread of the
        answers over the passes stands for the model's uncertainty. Kept units are multiplied by 1/(1 - rate); inputs are whole.
        Raises InputError for a rate outside [0, 1) or a count below 1.
        """
        fraction("rate", rate)
        whole("count", count)
        whole("seed", seed, 0)
        if rate == 1:
            raise InputError("rate must be less than 1, but 1 was given: nothing would be left.")
        generator = torch.Generator().manual_seed(seed)
        rows = x.repeat(count, *[1] * (x.dim() - 1))
        hidden = {name: mask.numel() for name, mask in self.named_buffers() if name != "mask_input"}
        chance = torch.rand(len(rows), sum(hidden.values()), generator=generator).to(x.device)
        kept = (chance >= rate).float() / (1 - rate)
        masks = dict(zip(hidden, kept.split(list(hidden.values()), -1), strict=True))
        return functional_call(self, masks, (rows,)).unflatten(0, (count, len(x)))


def dropped_digits_student() -> DroppedStudent:
    """``digits_student`` with masks on 784 inputs and 48 hidden units: 26,746 parameters, the same initial weights."""
    return DroppedStudent(784, 32, 8, 2, 10)
