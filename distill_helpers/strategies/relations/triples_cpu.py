"""The sums over all triples of a batch in one pass, for processors: compiled by Numba, where it is installed.

In torch each operation on the [B, B, B] cosines is a pass over memory of its own, about twenty in all; here a triple is read once.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch
from torch import Tensor


def sums_in_one_pass(products: Tensor, inverse: Tensor, their_products: Tensor, their_inverse: Tensor):
    """(losses [T, A], between, beside, through, each [T, A, B, B]) as ``triples.sums_by_chunk`` gives them; a thread takes a student at a time.

    products, inverse [T, A, B, B]; of the teachers [T, B, B]. Single and double precision, on the CPU. Raises ImportError without Numba.
    """
    kernel = compiled()
    ray = [g - 0.5 * g.diagonal(dim1=-2, dim2=-1).unsqueeze(-2) for g in (products, their_products)]
    losses, sums = torch.zeros(products.shape[:2], dtype=products.dtype), torch.zeros(3, *products.shape, dtype=products.dtype)
    ours, theirs = ([t.contiguous().numpy() for t in of] for of in ((products, inverse, ray[0]), (their_products, their_inverse, ray[1])))
    loss, arrays = losses.numpy(), sums.numpy()

    def one(place):
        loss[place] = kernel(*(t[place] for t in ours), *(t[place[0]] for t in theirs), *(t[place] for t in arrays))

    places = [(t, a) for t in range(products.shape[0]) for a in range(products.shape[1])]
    threads = min(torch.get_num_threads(), len(places))
    if threads == 1:
        for place in places:
            one(place)
    else:
        one(places[0])  # so that two threads do not compile at once
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, places[1:]))
    between, beside, through = sums
    return 2 * losses, between + between.mT, beside.mT, through.mT.mul_(inverse.square())


@lru_cache(maxsize=None)
def compiled():
    """The kernel, made at its first call for each precision (about a second)."""
    import numba

    # sums may be reordered, so that they use vector registers; NaN and infinity keep their meaning
    return numba.njit(pass_over_triples, fastmath={"reassoc", "contract", "nsz"}, nogil=True, error_model="numpy")


def pass_over_triples(g, inverse, ray, their_g, their_inverse, their_ray, between, beside, through):
    """Adds up, over the triples (j; i < k), the Huber loss (returned) and its slopes.

    All arguments [B, B]. With v the slope and s = 1 / (d_ij d_kj): between[i, k] = Σ_j v s; beside[i, j] and beside[k, j] gain v s;
    through[i, j] and through[k, j] gain v cos.
    """
    count, total = g.shape[0], 0.0
    half, one = g.dtype.type(0.5), g.dtype.type(1)
    for i in range(count - 1):
        for k in range(i + 1, count):
            loss, slope = half - half, half - half
            for j in range(count):
                scale = inverse[i, j] * inverse[k, j]
                cos = scale * (g[i, k] - ray[i, j] - ray[k, j])
                gap = cos - their_inverse[i, j] * their_inverse[k, j] * (their_g[i, k] - their_ray[i, j] - their_ray[k, j])
                v = min(max(gap, -one), one)
                loss += v * (gap - half * v)
                through[i, j] += v * cos
                through[k, j] += v * cos
                beside[i, j] += v * scale
                beside[k, j] += v * scale
                slope += v * scale
            total += loss
            between[i, k] = slope
    return total
