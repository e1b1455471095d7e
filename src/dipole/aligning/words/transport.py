"""Word alignment as optimal transport: how much of each word's mass goes to which other word."""

from __future__ import annotations

from typing import Literal

import numpy as np

from dipole.aligning.words.links import Links
from dipole.aligning.words.similarity import closeness, similarities
from dipole.aligning.words.thresholding import over
from dipole.errors import InputError, optional

Problem = Literal["balanced", "partial", "unbalanced"]
_ITERATIONS = 1000
# Of POT's change from one iteration to the next; partial transport counts it otherwise.
_STOP, _STOP_PARTIAL = 1e-6, 1e-9


def scaled(values: np.ndarray) -> np.ndarray:
    """(v - min + 1e-10) / (max - min + 1e-10): from 0 to 1; of one value throughout, ones.

    >>> scaled(np.array([1.0, 3.0])).round(6)
    array([0., 1.])
    """
    low = values.min()
    found: np.ndarray = (values - low + 1e-10) / (values.max() - low + 1e-10)
    return found


def costs(
    x: np.ndarray,
    y: np.ndarray,
    *,
    cost: Literal["cosine", "euclidean"] = "cosine",
    distortion: float = 0.0,
) -> np.ndarray:
    """The cost of moving word i to word j, from 0 to 1, (m, n), of vectors (m, d) and (n, d).

        cosine:     1 - scaled((cos + 1) / 2 * D)
        euclidean:  1 - scaled((1 - scaled(|x_i - y_j|)) * D)

    D_ij = 1 - distortion (i / (m - 1) - j / (n - 1))^2 prefers words at the same place.
    """
    if cost == "cosine":
        return 1 - scaled(similarities(x, y, distortion))
    distances = np.linalg.norm(x[:, None, :] - y[None, :, :], axis=2)
    return 1 - scaled((1 - scaled(distances)) * closeness(len(x), len(y), distortion))


def plan(
    cost: np.ndarray,
    problem: Problem = "unbalanced",
    *,
    tau: float = 0.5,
    eps: float = 0.1,
    masses: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """The transport plan P (m, n) of a cost C, with entropy H.

        balanced:    min <P, C> - eps H(P),  P 1 = a / |a|,  P^T 1 = b / |b|
        partial:     the same,  P 1 <= a,  P^T 1 <= b,  the sum of P = tau min(|a|, |b|)
        unbalanced:  min <P, C> - eps H(P) + tau KL(P 1 | a) + tau KL(P^T 1 | b)

    Words that find no counterpart keep their mass in the last two.

    Args:
        tau: share of the mass that moves; price of mass that does not.
        masses: (a, b) of the words, (m,) and (n,); None: 1 for each.

    Raises:
        InputError: POT is not installed.

    Source: Arase, Bao, Yokoi 2023, Unbalanced Optimal Transport for Unbalanced Word Alignment,
    arXiv 2306.04116.

    >>> plan(np.array([[0.0, 1.0], [1.0, 0.0]]), "balanced").round(3)
    array([[0.5, 0. ],
           [0. , 0.5]])
    """
    ot = optional("ot", "align")
    a, b = (np.ones(len(cost)), np.ones(cost.shape[1])) if masses is None else masses
    settings = {"numItermax": _ITERATIONS, "stopThr": _STOP}
    if problem == "partial":
        settings["stopThr"] = _STOP_PARTIAL
    if problem == "balanced":
        found = ot.sinkhorn(a / a.sum(), b / b.sum(), cost, eps, warn=False, **settings)
    elif problem == "partial":
        moved = tau * min(a.sum(), b.sum())
        found = ot.partial.entropic_partial_wasserstein(a, b, cost, eps, m=moved, **settings)
    elif problem == "unbalanced":
        # POT's own reference of the entropy is a b^T; the paper's is 1 for every cell.
        found = ot.unbalanced.sinkhorn_knopp_unbalanced(
            a, b, cost, eps, tau, c=np.ones_like(cost), warn=False, **settings
        )
    else:
        raise InputError(f"problem: found {problem!r}; expected balanced, partial or unbalanced")
    return np.asarray(found)


def moved(plan: np.ndarray, threshold: float) -> Links:
    """Links where the plan, scaled from 0 to 1, passes the threshold.

    >>> sorted(moved(np.array([[0.5, 0.0], [0.0, 0.2]]), 0.3))
    [(0, 0), (1, 1)]
    """
    return over(scaled(plan) > threshold)
