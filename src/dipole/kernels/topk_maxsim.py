"""Exact top-k by MaxSim of texts of any number of tokens, without padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from dipole.errors import InputError
from dipole.kernels.topk import merge

# Products of tokens that exist at once: 64 MB of float32.
PRODUCTS = 2**24


def maxsim_scores(
    queries: Sequence[np.ndarray], tokens: np.ndarray, starts: np.ndarray, *,
    products: int = PRODUCTS,
) -> np.ndarray:  # fmt: skip
    """MaxSim of every query (t_i, d) with every document, whose tokens follow one another.

        s_ij = sum_t max_s q_it . d_js

    Args:
        tokens: (T, d), those of document j are starts[j] ... starts[j + 1] - 1.
        starts: (m + 1,), from 0 to T; no document is empty.

    Returns:
        Scores (n, m), float32.

    >>> maxsim_scores([np.eye(2)], np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([0, 1, 2])).tolist()
    [[1.0, 1.399999976158142]]
    """
    found = np.empty((len(queries), len(starts) - 1), np.float32)
    if not found.size:
        return found
    own = np.cumsum([0, *map(len, queries)])
    asked = np.concatenate(queries).astype(np.float32, copy=False)
    # Few queries at a time, then as many documents as fit.
    step = max(1, products // 64 // max(int(np.diff(own).max()), 1))
    for first in range(0, len(queries), step):
        last = min(first + step, len(queries))
        part = asked[own[first] : own[last]].T
        places = own[first:last] - own[first]
        for begin, end in _runs(starts, max(1, products // part.shape[1])):
            offset = starts[begin]
            block = tokens[offset : starts[end]].astype(np.float32, copy=False)
            best = np.maximum.reduceat(block @ part, starts[begin:end] - offset, axis=0)
            found[first:last, begin:end] = np.add.reduceat(best, places, axis=1).T
    return found


def top_k_maxsim(
    queries: Sequence[np.ndarray], blocks: Iterable[tuple[np.ndarray, np.ndarray]], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The k first documents j of each query by (-MaxSim, j), as `top_k` gives them.

    Args:
        queries: token vectors (t_i, d), at least one each.
        blocks: (tokens, starts) of documents as `maxsim_scores` takes them, read once.
        k: how many; where the documents are fewer, all of them come back.

    Returns:
        scores (n, min(k, m)), float32, and document indices, int64.

    Raises:
        InputError: k < 1.

    >>> top_k_maxsim([np.eye(2)], [(np.array([[1.0, 0.0], [0.6, 0.8]]), np.array([0, 1, 2]))], 1)[1]
    array([[1]])
    """
    if k < 1:
        raise InputError(f"top_k_maxsim: k is {k}; expected at least 1")
    best = torch.empty(len(queries), 0)
    where = torch.empty(len(queries), 0, dtype=torch.int64)
    start = 0
    for tokens, starts in blocks:
        tile = torch.from_numpy(maxsim_scores(queries, tokens, starts))
        best, where = merge(best, where, tile, start, k)
        start += len(starts) - 1
    return best.numpy(), where.numpy()


def _runs(starts: np.ndarray, most: int) -> Iterable[tuple[int, int]]:
    """Documents [begin, end) of at most so many tokens together, or one."""
    begin, count = 0, len(starts) - 1
    while begin < count:
        end = int(np.searchsorted(starts, starts[begin] + most, side="right")) - 1
        end = max(end, begin + 1)
        yield begin, end
        begin = end
