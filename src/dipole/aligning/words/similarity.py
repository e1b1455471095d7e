"""Similarities of the words of two sentences: what matchers start from."""

from __future__ import annotations

import numpy as np


def similarities(x: np.ndarray, y: np.ndarray, distortion: float = 0.0) -> np.ndarray:
    """(cos(x_i, y_j) + 1) / 2 of vectors (m, d) and (n, d), less where places lie apart; (m, n).

    A vector of zeros has the cosine 0 with all.

    Source: Jalili Sabet et al. 2020, SimAlign, arXiv 2004.08728.

    >>> similarities(np.array([[2.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 3.0]]))
    array([[1. , 0.5]])
    """
    return (_units(x) @ _units(y).T + 1) / 2 * closeness(len(x), len(y), distortion)


def closeness(m: int, n: int, distortion: float) -> np.ndarray:
    """1 - distortion ((i / (m - 1) - j / (n - 1))^2), (m, n): 1 on the diagonal.

    Where a side has one word it is 1 throughout, as SimAlign has it.

    >>> closeness(2, 2, 0.5)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    if m < 2 or n < 2:
        return np.ones((m, n))
    apart = np.arange(m)[:, None] / (m - 1) - np.arange(n)[None, :] / (n - 1)
    found: np.ndarray = 1 - distortion * apart**2
    return found


def _units(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: np.ndarray = vectors / np.where(norms > 0, norms, 1.0)
    return found
