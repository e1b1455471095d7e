"""Hubs: vectors that are a near neighbour of far too many others."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from dipole.evaluation.encoding import unit
from dipole.evaluation.geometry.space import sample
from dipole.kernels.topk import top_k

# Exact neighbours of so many among as many.
HUB_ROWS = 20_000


@dataclass(frozen=True)
class Hubness:
    """k-occurrence N(j): how often j is among the k nearest of the others.

    skewness: of N, 0 without hubs; nan where all N are equal. anti_hubs: share with N = 0. robin:
    share of all occurrences that would have to move for all N to be equal. largest: the largest N.
    """

    k: int
    skewness: float
    anti_hubs: float
    robin: float
    largest: int
    occurrence: np.ndarray


def hubness(
    queries: np.ndarray,
    documents: np.ndarray | None = None,
    k: int = 10,
    *,
    rows: int = HUB_ROWS,
    seed: int = 0,
) -> Hubness:
    """k-occurrence of documents (or of the queries themselves) by cosine, exact neighbours.

        N(j) = #{ i : j among the k nearest of i },   skewness = mean (N - m)^3 / std^3

    Without documents a vector is no neighbour of itself. Beyond `rows` a random sample of each
    side. (Radovanovic et al., JMLR 11, 2010; Robin Hood index: Feldbauer and Flexer 2019.)
    """
    alone = documents is None
    candidates = queries if documents is None else documents
    q = unit(np.asarray(queries[sample(len(queries), rows, seed)]))
    d = q if alone else unit(np.asarray(candidates[sample(len(candidates), rows, seed)]))
    k = max(1, min(k, len(d) - alone))
    near = top_k(q, d, k + alone)[1]
    if alone:
        # Twins may come before oneself, or push oneself out; then the last one goes.
        own = near == np.arange(len(q))[:, None]
        own[~own.any(1), -1] = True
        near = near[~own].reshape(len(q), k)
    occurrence = np.bincount(near.ravel(), minlength=len(d))
    deviation = occurrence - occurrence.mean()
    spread = occurrence.std()
    return Hubness(
        k=k,
        skewness=float((deviation**3).mean() / spread**3) if spread > 0 else math.nan,
        anti_hubs=float((occurrence == 0).mean()),
        robin=float(np.abs(deviation).sum() / 2 / occurrence.sum()),
        largest=int(occurrence.max()),
        occurrence=occurrence,
    )
