"""Which of an anchor's candidates may be its negatives, and which of these are taken."""

from __future__ import annotations

import numpy as np

from dipole.data.same import splitmix64
from dipole.sampling.filters import Filters


def allowed(
    filters: Filters, known: np.ndarray, own: np.ndarray, scores: np.ndarray, rank_by: np.ndarray
) -> np.ndarray:
    """(b, k) bool: who may be a negative by the rules of `Filters`.

    known (b, k): positives and copies; own (b,) and scores (b, k): of whoever judges;
    rank_by (b, k): the first stage's scores, best first, -inf where there is no candidate.
    """
    free = ~known & np.isfinite(rank_by)
    kept = free & (free.cumsum(1) <= filters.depth)
    positive = own[:, None]
    if filters.margin is not None:
        kept &= scores <= positive - filters.margin
    if filters.share is not None:
        kept &= scores <= positive - (1 - filters.share) * np.abs(positive)
    if filters.most is not None:
        kept &= scores <= filters.most
    if filters.least is not None:
        kept &= scores >= filters.least
    return kept & (kept.cumsum(1) > filters.skip)


def chosen(
    filters: Filters,
    kept: np.ndarray,
    rows: np.ndarray,
    documents: np.ndarray,
    weights: np.ndarray | None,
) -> np.ndarray:
    """(b, k) int64: columns of the negatives, first choice first; -1 where no more are left.

    Random choices are weighted and without replacement (the largest log(u) / weight, Efraimidis
    and Spirakis 2006), u a hash of (seed, row, document): no block size enters.
    """
    size = min(filters.negatives, kept.shape[1])
    if filters.pick == "top":
        key = -np.arange(kept.shape[1], dtype=np.float64)[None].repeat(len(kept), 0)
    else:
        u = uniform(filters.seed, rows[:, None], documents)
        key = np.log(u) / (np.ones_like(u) if weights is None else weights)
    key = np.where(kept, key, -np.inf)
    order = np.argsort(-key, axis=1, kind="stable")[:, :size]
    return np.where(np.take_along_axis(key, order, 1) > -np.inf, order, -1)


def uniform(seed: int, row: np.ndarray, document: np.ndarray) -> np.ndarray:
    """Numbers in (0, 1) that depend on (seed, row, document) alone."""
    mixed = np.full(np.broadcast_shapes(row.shape, document.shape), seed, dtype=np.uint64)
    for part in (row, document):
        mixed = splitmix64(mixed + part.astype(np.uint64))
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) / 2.0**53
