"""Angular similarity: how alike two vectors are by the angle between them."""

from __future__ import annotations

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import unit


def angular_similarity(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """1 - theta_i / pi, (n,) float64, theta_i the angle between row i and row i, 0 to pi:

        theta = 2 arctan2(|x - y|, |x + y|) = arccos cos(x, y),   x and y of length 1.

    1 for one direction, 0 for opposite ones; it orders pairs as the cosine does, and is linear in
    the angle where the cosine is flat. The first form loses no digits near 0 and pi.
    Shapes: (n, d) both. Raises InputError at other shapes.
    Source: Cer et al. 2018, Universal Sentence Encoder, arXiv 1803.11175, section 5.

    Example:
        >>> angular_similarity(np.eye(2), np.array([[1.0, 1.0], [0.0, -1.0]])).round(6).tolist()
        [0.75, 0.0]
    """
    if first.ndim != 2 or first.shape != second.shape:
        raise InputError(
            f"angular similarity: found shapes {first.shape} and {second.shape}; expected the same "
            "(n, d)"
        )
    x, y = (unit(np.asarray(side, dtype=np.float64)) for side in (first, second))
    apart, along = (np.linalg.norm(side, axis=1) for side in (x - y, x + y))
    found: np.ndarray = 1 - 2 * np.arctan2(apart, along) / np.pi
    return found
