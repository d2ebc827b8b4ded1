"""A small decoder transformer: what stands before a token says how probable it is."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distill_helpers.checks import InputError, sizes
from distill_helpers.models.outputs import FeatureDict, Outputs
from distill_helpers.models.rotary import turned


class Attention(nn.Module):
    """Causal self-attention of several heads (Vaswani et al. 2017, section 3.2) with rotary positions; [B, T, width] -> [B, T, width]."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, h, past=None):
        """The answer and (keys, values) [B, heads, all places, width / heads]. past: those of the places before, or None."""
        q, k, v = self.qkv(h).unflatten(-1, (3, self.heads, -1)).movedim(-3, 0).transpose(-3, -2)
        before = 0 if past is None else past[0].shape[-2]
        q, k = turned(q, before), turned(k, before)
        if past is not None:
            k, v = torch.cat([past[0], k], -2), torch.cat([past[1], v], -2)
        length, whole = q.shape[-2], k.shape[-2]
        if before == 0:
            found = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:  # place before + i sees the places up to itself
            seen = torch.ones(length, whole, dtype=torch.bool, device=h.device).tril(before)
            found = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        return self.out(found.transpose(-3, -2).flatten(-2)), (k, v)


class Block(nn.Module):
    """h + attention(norm h), then h + W2 GELU(W1 norm h); both norms before (Xiong et al. 2020). No biases."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(width), Attention(width, heads)
        self.mlp_norm = nn.RMSNorm(width)
        self.mlp_in, self.mlp_out = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)

    def forward(self, h, past=None):
        found, past = self.attention(self.attention_norm(h), past)
        h = h + found
        return h + self.mlp_out(F.gelu(self.mlp_in(self.mlp_norm(h)))), past


class LanguageModel(nn.Module):
    """``depth`` blocks of attention and MLP between an embedding of tokens and the same embedding as the head.

    Pre-norm with RMSNorm (Zhang & Sennrich 2019), rotary positions (Su et al. 2021), GELU, no biases, and tied weights (Press & Wolf 2017):
    logits are inner products with the embedding, which is one parameter. hidden: of the MLP, 4 · width unless said. Weights start
    normal with standard deviation 0.02, and those that write into the sum of a block with 0.02 / √(2 depth) (Radford et al. 2019).

    Inputs are tokens, int64 [B, T], T from 1 to ``context``; logits [B, T, vocabulary] at place i are about token i + 1 and depend on the
    tokens up to i alone. Features: "block1" ... "block<depth>" and "embedding" (what the head sees), [B, T, width].
    Raises InputError for sizes below 1, heads that do not divide the width into an even size, and other inputs.
    """

    def __init__(self, vocabulary: int, width: int, depth: int, heads: int, context: int, hidden: int | None = None):
        super().__init__()
        hidden = 4 * width if hidden is None else hidden
        sizes(vocabulary=vocabulary, width=width, depth=depth, heads=heads, context=context, hidden=hidden)
        if width % (2 * heads):
            raise InputError(f"heads must divide the width into an even size, for rotary positions, but {heads} heads of width {width} was given.")
        self.vocabulary, self.context = vocabulary, context
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(depth))
        self.norm = nn.RMSNorm(width)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                writes = name.endswith(("attention.out.weight", "mlp_out.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * depth) if writes else 0.02)

    def forward(self, x, features: bool = False):
        h, _, named = self._through(x, [None] * len(self.blocks))
        logits = F.linear(h, self.embedding.weight)
        return Outputs(logits, FeatureDict(named)) if features else logits

    def continued(self, x: Tensor, cache: list | None = None) -> tuple[Tensor, list]:
        """Logits [B, T, vocabulary] of tokens x [B, T] that stand after those in ``cache``, and the cache with them in it.

        cache: for each block (keys, values), each [B, heads, places, width / heads]; None for none before.
        """
        h, cache, _ = self._through(x, cache or [None] * len(self.blocks))
        return F.linear(h, self.embedding.weight), cache

    def _through(self, x, cache):
        before = 0 if cache[0] is None else cache[0][0].shape[-2]
        if x.dim() != 2 or x.is_floating_point() or not 1 <= x.shape[1] <= self.context - before:
            after = f" after {before} others" if before else ""
            raise InputError(f"x must be tokens [B, T] with T from 1 to {self.context - before}{after}, but {x.dtype} {tuple(x.shape)} was given.")
        h, named, now = self.embedding(x), {}, []
        for number, (block, past) in enumerate(zip(self.blocks, cache, strict=True), 1):
            h, past = block(h, past)
            named[f"block{number}"] = h
            now.append(past)
        h = named["embedding"] = self.norm(h)
        return h, now, named


def language_model_parameters(vocabulary: int, width: int, depth: int, hidden: int | None = None) -> int:
    """How many parameters a ``LanguageModel`` has: V·d + L·(4d² + 2d·hidden + 2d) + d, the embedding counted once."""
    hidden = 4 * width if hidden is None else hidden
    return vocabulary * width + depth * (4 * width**2 + 2 * width * hidden + 2 * width) + width
