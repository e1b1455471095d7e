"""Links whose probabilities in both directions pass a threshold."""

from __future__ import annotations

import numpy as np

from dipole.aligning.words.links import Links


def both_ways(scores: np.ndarray, threshold: float = 1e-3, *, sparse: bool = False) -> Links:
    """awesome-align: links that are likely for their source and for their target word.

        A_ij = 1 if softmax_j(s_ij) > c and softmax_i(s_ij) > c

    Args:
        scores: (m, n), dot products of the states of a transformer's layer.
        threshold: c.
        sparse: 1.5-entmax in the place of softmax, which gives zeros; the authors' c for it is 0.

    Source: Dou and Neubig 2021, Word Alignment by Fine-tuning Embeddings on Parallel Corpora, arXiv
    2101.08231.

    >>> sorted(both_ways(np.array([[9.0, 0.0], [0.0, 9.0]])))
    [(0, 0), (1, 1)]
    """
    share = entmax15 if sparse else _softmax
    return over((share(scores) > threshold) & (threshold < share(scores.T).T))


def harmonic(forward: np.ndarray, backward: np.ndarray, threshold: float = 0.2) -> Links:
    """Mask-Align: links whose attention in both directions has a high harmonic mean.

        S_ij = 2 f_ji b_ij / (f_ji + b_ij + 1e-9) > threshold

    Args:
        forward: (n, m), attention of every target word to the source words.
        backward: (m, n), that of every source word to the target words.

    Source: Chen, Sun, Liu 2021, Mask-Align: Self-Supervised Neural Word Alignment, arXiv
    2012.07162.

    >>> sorted(harmonic(np.array([[0.9, 0.1], [0.2, 0.6]]), np.array([[0.8, 0.1], [0.3, 0.6]])))
    [(0, 0), (1, 1)]
    """
    ahead = forward.T
    return over(2 * ahead * backward / (ahead + backward + 1e-9) > threshold)


def over(chosen: np.ndarray) -> Links:
    """The links of a matrix of true and false, (m, n)."""
    return frozenset(zip(*(part.tolist() for part in chosen.nonzero()), strict=True))


def entmax15(scores: np.ndarray) -> np.ndarray:
    """1.5-entmax of the last axis: a softmax that gives low scores exactly 0.

        p_j = max(0, s_j / 2 - tau)^2,   tau such that they sum to 1

    Source: Peters, Niculae, Martins 2019, Sparse Sequence-to-Sequence Models, algorithm 2.

    >>> entmax15(np.array([0.0, 0.0, -9.0]))
    array([0.5, 0.5, 0. ])
    """
    half = (scores - scores.max(axis=-1, keepdims=True)) / 2
    ordered = -np.sort(-half, axis=-1)
    count = np.arange(1, scores.shape[-1] + 1)
    mean = ordered.cumsum(axis=-1) / count
    spread = (ordered**2).cumsum(axis=-1) - count * mean**2
    taus = mean - np.sqrt(np.clip((1 - spread) / count, 0, None))
    support = (taus <= ordered).sum(axis=-1, keepdims=True)
    tau = np.take_along_axis(taus, support - 1, axis=-1)
    found: np.ndarray = np.clip(half - tau, 0, None) ** 2
    return found


def _softmax(scores: np.ndarray) -> np.ndarray:
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    found: np.ndarray = weights / weights.sum(axis=-1, keepdims=True)
    return found
