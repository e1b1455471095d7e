"""One vector for a text whose tokens have one each, so that dot products come close to MaxSim.

Random planes cut the space into buckets, in which tokens that are near each other fall together.
A query has in each bucket the sum of its tokens there, a document their mean, and if it has none
there its token that is fewest planes away; both are projected by random signs and put side by side
for several draws of planes. A search for the largest dot products finds candidates for MaxSim.

Source: Dhulipala et al. 2024, MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings, arXiv
2405.19504.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

# Planes of a draw, draws, and the numbers that a bucket is projected to.
PLANES, DRAWS, SIZE = 4, 8, 16
BUCKETS = 2**PLANES
DIM = BUCKETS * DRAWS * SIZE
# How many planes lie between two buckets, (BUCKETS, BUCKETS).
_BETWEEN = np.array([[(a ^ b).bit_count() for b in range(BUCKETS)] for a in range(BUCKETS)])


def query_vectors(texts: Sequence[np.ndarray]) -> np.ndarray:
    """The vectors of queries, (n, 2048) float32, of their tokens (t, dim).

    >>> query_vectors([np.eye(3, dtype=np.float32)]).shape
    (1, 2048)
    """
    return _vectors(texts, is_query=True)


def document_vectors(texts: Sequence[np.ndarray]) -> np.ndarray:
    """The vectors of documents, (n, 2048) float32, of their tokens (t, dim), at least one each.

    >>> document_vectors([np.eye(3, dtype=np.float32)] * 2).shape
    (2, 2048)
    """
    return _vectors(texts, is_query=False)


def _vectors(texts: Sequence[np.ndarray], *, is_query: bool) -> np.ndarray:
    found = np.empty((len(texts), DRAWS, BUCKETS, SIZE), np.float32)
    for row, tokens in zip(found, texts, strict=True):
        planes, signs = _drawn(tokens.shape[1])
        for own, plane, sign in zip(row, planes, signs, strict=True):
            bucket = (tokens @ plane > 0) @ (1 << np.arange(PLANES))
            x = tokens @ sign
            there = (bucket == np.arange(BUCKETS)[:, None]).astype(np.float32)
            own[:] = there @ x
            if not is_query:
                count = there.sum(1, keepdims=True)
                nearest = x[_BETWEEN[:, bucket].argmin(1)]
                own[:] = np.where(count > 0, own / np.maximum(count, 1), nearest)
    return found.reshape(len(texts), DIM)


@cache
def _drawn(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Planes (DRAWS, dim, PLANES) and signs (DRAWS, dim, SIZE), which must be the same for every
    text of an index: the generator is numpy's old one, whose numbers no version changes."""
    rng = np.random.RandomState(0)
    planes = rng.standard_normal((DRAWS, dim, PLANES)).astype(np.float32)
    signs = rng.randint(0, 2, (DRAWS, dim, SIZE)).astype(np.float32) * 2 - 1
    return planes, signs / np.float32(SIZE**0.5)
