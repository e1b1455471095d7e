"""Links of a matrix of similarities: the best of each row and column, repeated, or a matching."""

from __future__ import annotations

import numpy as np

from dipole.aligning.words.links import Links
from dipole.aligning.words.thresholding import over

# What a similarity counts where one of its two words has a link (SimAlign's alpha).
LINKED = 0.9


def best_sources(similarity: np.ndarray) -> Links:
    """For every target word the most similar source word; (m, n) similarities.

    >>> sorted(best_sources(np.array([[0.9, 0.2], [0.1, 0.3]])))
    [(0, 0), (1, 1)]
    """
    return frozenset((int(i), j) for j, i in enumerate(similarity.argmax(axis=0)))


def best_targets(similarity: np.ndarray) -> Links:
    """For every source word the most similar target word.

    >>> sorted(best_targets(np.array([[0.9, 0.2], [0.7, 0.3]])))
    [(0, 0), (1, 0)]
    """
    return frozenset((i, int(j)) for i, j in enumerate(similarity.argmax(axis=1)))


def iterated(similarity: np.ndarray, rounds: int = 2) -> Links:
    """Itermax: links that are the best for both words, and again among the words left.

        S_ij <- S_ij w_ij,   w_ij = 1 if neither word has a link, 0.9 if one has, 0 if both have

    A later round links what is best for both under S w, where not both have a link. Nothing is
    added once every word of a side has one, nor where a side has two words or fewer.

    Source: Jalili Sabet et al. 2020, SimAlign, arXiv 2004.08728, algorithm 1; what is said of full
    sides is of the authors' code.

    >>> sorted(iterated(np.array([[0.9, 0.85, 0.1], [0.2, 0.3, 0.9], [0.7, 0.8, 0.1]])))
    [(0, 0), (1, 2), (2, 1)]
    """
    found: np.ndarray = _mutual(similarity)
    if min(similarity.shape) <= 2:
        return over(found)
    for _ in range(rounds - 1):
        sources = np.asarray(found.any(axis=1, keepdims=True))
        targets = np.asarray(found.any(axis=0, keepdims=True))
        if sources.all() or targets.all():
            break
        weights = np.where(sources & targets, 0.0, np.where(sources | targets, LINKED, 1.0))
        new = _mutual(similarity * weights) & ~(sources & targets)
        if not (new & ~found).any():
            break
        found |= new
    return over(found)


def matched(similarity: np.ndarray) -> Links:
    """The matching of the highest total similarity: min(m, n) links, a word in one of them.

    >>> sorted(matched(np.array([[0.9, 0.8], [0.8, 0.1]])))
    [(0, 1), (1, 0)]
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return frozenset(zip(rows.tolist(), columns.tolist(), strict=True))


def _mutual(similarity: np.ndarray) -> np.ndarray:
    m, n = similarity.shape
    rows, columns = np.zeros((m, n), bool), np.zeros((m, n), bool)
    rows[np.arange(m), similarity.argmax(axis=1)] = True
    columns[similarity.argmax(axis=0), np.arange(n)] = True
    both: np.ndarray = rows & columns
    return both
