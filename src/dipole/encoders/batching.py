"""Batches by what they cost, not by how many inputs they hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def pack(lengths: np.ndarray, budget: int) -> Iterator[slice]:
    """Consecutive slices of at most `budget` padded tokens: rows times the longest row.

    `lengths` (n,) descend, so the longest row of a slice is its first. A row longer than the
    budget is a slice of its own; a length of 0 counts as 1.

    Example:
        >>> list(pack(np.array([5, 4, 2, 2]), budget=10))
        [slice(0, 2, None), slice(2, 4, None)]
    """
    start = 0
    while start < len(lengths):
        rows = max(1, budget // max(1, int(lengths[start])))
        yield slice(start, min(start + rows, len(lengths)))
        start += rows
