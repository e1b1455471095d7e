"""Which words make two texts mean different things, from the states of their tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dipole.aligning.words.similarity import similarities


def unaligned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """DiffAlign: how far a token is from every token of the other text, (m,).

        l(a_i) = 1 - max_j cos(a_i, b_j)

    Args:
        a, b: (m, d) and (n, d) states. The authors' candidates b are all states of the other text,
            its special tokens included.

    Source: Vamvas and Sennrich 2023, Towards Unsupervised Recognition of Semantic Differences in
    Related Documents, arXiv 2305.13303.

    >>> unaligned(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[3.0, 0.0]]))
    array([0., 1.])
    """
    found: np.ndarray = 2 - 2 * similarities(a, b).max(axis=1)
    return found


def left_out(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """DiffDel: how much more alike two texts are without a token's state, (m,), from 0 to 1.

        l(a_i) = (cos(sum a - a_i, sum b) - cos(sum a, sum b) + 1) / 2

    Args:
        a, b: (m, d) and (n, d) states of ordinary tokens.

    Source: as of `unaligned`.

    >>> left_out(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 0.0]])).round(3)
    array([0.146, 0.646])
    """
    whole, other = a.sum(axis=0), b.sum(axis=0)[None]
    without = similarities(whole - a, other)[:, 0]
    found: np.ndarray = without - similarities(whole[None], other)[0, 0] + 0.5
    return found


def of_words(labels: np.ndarray, words: Sequence[Sequence[int]]) -> np.ndarray:
    """Labels of words, the means of their tokens'; words: the tokens of each.

    >>> of_words(np.array([0.0, 1.0, 0.5]), [[0, 1], [2]])
    array([0.5, 0.5])
    """
    return np.array([labels[list(tokens)].mean() for tokens in words])
