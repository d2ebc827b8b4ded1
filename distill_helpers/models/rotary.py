"""Rotary positions: each pair of a vector's numbers is turned by an angle that grows with its place."""

import torch
from torch import Tensor

BASE = 10_000.0


def turned(x: Tensor, first: int = 0) -> Tensor:
    """x [..., T, D] at the places first ... first + T - 1, turned: numbers 2i and 2i + 1 by place · 10,000^(-2i/D) radians.

    Su, Lu, Pan, Murtadha, Wen & Liu, "RoFormer: Enhanced Transformer with Rotary Position Embedding", 2021, eq. 34. The inner product of a
    vector turned at place m with one turned at place n depends on n - m alone. D is even.
    """
    length, size = x.shape[-2:]
    rates = BASE ** (-torch.arange(0, size, 2, dtype=torch.float64, device=x.device) / size)
    angles = torch.arange(first, first + length, dtype=torch.float64, device=x.device).unsqueeze(-1) * rates
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2)
