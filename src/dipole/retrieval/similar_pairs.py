"""Paraphrases in a large set: the most similar pairs, and groups around a centre, exactly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from dipole.data.inputs import real_number, whole_number
from dipole.errors import InputError

# Rows compared at once, nearest rows asked for at first, and the most numbers of such an answer.
_ROWS, _WIDTH, _NUMBERS = 4096, 32, 2**24


class Paraphrases(NamedTuple):
    """Pairs, the most similar first: cosines (p,), and the rows of each (p, 2), lower first."""

    scores: np.ndarray
    rows: np.ndarray


def paraphrases(
    vectors: np.ndarray, *, threshold: float = 0.75, most: int = 100_000
) -> Paraphrases:
    """The pairs of rows with the highest cosine, at least `threshold`; `most` of them at most.

        {(i, j): i < j, cos(v_i, v_j) >= threshold},  sorted by (-cos, i, j)

    Exact: every row is compared with every other, block by block. Memory O(n + most), never (n, n).

    Args:
        vectors: (n, dim), of any length.
        threshold: the lowest cosine, from -1 to 1.
        most: how many pairs are kept, the best.

    Raises:
        InputError: no matrix, a threshold outside -1..1, most below 1.

    Example:
        >>> found = paraphrases(np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.1]]))
        >>> found.rows.tolist(), round(float(found.scores[0]), 3)
        ([[0, 2]], 0.999)
    """
    unit, floor = _unit(vectors), real_number(threshold, "threshold", -1, 1)
    most = whole_number(most, "most")
    best = Paraphrases(np.empty(0, np.float32), np.empty((0, 2), np.int64))

    def lowest() -> float:
        is_full = len(best.scores) == most
        return max(floor, float(best.scores[-1])) if is_full else floor

    for first, second, scores in _similar(unit, lowest):
        is_ordered = first < second  # each pair is found from both sides
        pairs = np.column_stack([first, second])[is_ordered]
        best = _best(
            np.concatenate([best.scores, scores[is_ordered]]),
            np.concatenate([best.rows, pairs]),
            most,
        )
    return best


def communities(
    vectors: np.ndarray, *, threshold: float = 0.75, min_size: int = 10
) -> list[np.ndarray]:
    """Groups of at least `min_size` rows that are all as similar to a centre as `threshold`.

    The rows whose cosine with row i is at least `threshold` are a group around i. Groups are gone
    through from the largest to the smallest; each keeps the rows that no group before it took, and
    stays if these are still enough. What is left over is in no group.

    Returns:
        For each group its rows, the most similar to its centre first; the largest group first.

    Exact; memory O(n + pairs above the threshold).

    Source:
        The rule of `sentence_transformers.util.community_detection` (Reimers, 2021).

    Example:
        >>> rows = np.array([[1, 0], [0.9, 0.1], [0, 1], [1, 0.1]])
        >>> [group.tolist() for group in communities(rows, min_size=2)]
        [[0, 3, 1]]
    """
    unit, floor = _unit(vectors), real_number(threshold, "threshold", -1, 1)
    min_size = whole_number(min_size, "min_size")
    n = len(unit)
    found = list(_similar(unit, lambda: floor))
    first, second, scores = (
        np.concatenate([part[i] for part in found]) if found else np.empty(0, np.int64)
        for i in range(3)
    )
    order = np.lexsort((second, -scores, first))
    targets = second[order]
    starts = np.searchsorted(first[order], np.arange(n + 1))
    sizes = np.diff(starts) + 1  # itself among them
    taken = np.zeros(n, dtype=bool)
    groups = []
    for centre in np.argsort(-sizes, kind="stable"):
        if sizes[centre] < min_size:
            break
        rows = np.concatenate([[centre], targets[starts[centre] : starts[centre + 1]]])
        rows = rows[~taken[rows]]
        if len(rows) >= min_size:
            taken[rows] = True
            groups.append(rows)
    return sorted(groups, key=len, reverse=True)


def _similar(
    unit: np.ndarray, lowest: Callable[[], float]
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(row, other row, cosine) of all that are at least `lowest()`, which may rise meanwhile.

    The nearest few of each row are asked for, and more of those that had no lower one among them.
    """
    from dipole.kernels.topk import top_k

    n = len(unit)
    waiting = [(np.arange(start, min(start + _ROWS, n)), min(_WIDTH, n)) for start in
               range(0, n, _ROWS)][::-1]  # fmt: skip
    while waiting:
        rows, k = waiting.pop()
        scores, others = top_k(unit[rows], unit, k)
        enough = (scores[:, -1] < lowest()) | (k == n)
        keep = (scores >= lowest()) & (others != rows[:, None]) & enough[:, None]
        row, column = np.nonzero(keep)
        yield rows[row], others[row, column], scores[row, column]
        again, k = rows[~enough], min(4 * k, n)
        step = max(1, _NUMBERS // k)
        waiting += [(again[i : i + step], k) for i in range(0, len(again), step)]


def _best(scores: np.ndarray, rows: np.ndarray, most: int) -> Paraphrases:
    order = np.lexsort((rows[:, 1], rows[:, 0], -scores))[:most]
    return Paraphrases(scores[order], rows[order])


def _unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1; one of zeros stays, and is like no other."""
    found = np.asarray(vectors, dtype=np.float32)
    if found.ndim != 2:
        raise InputError(f"vectors: found shape {found.shape}; expected (n, dim)")
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return found / np.where(lengths > 0, lengths, 1)
