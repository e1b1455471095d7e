"""Exact top-k of query x document dot products, block by block: the full matrix never exists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from dipole.errors import InputError

# One tile of scores: 1,024 x 8,192 float32 = 32 MB, large enough for full matmul speed.
QUERY_ROWS = 1024
DOCUMENT_ROWS = 8192


def top_k(
    queries: np.ndarray,
    documents: np.ndarray | Iterable[np.ndarray],
    k: int,
    *,
    query_rows: int = QUERY_ROWS,
    document_rows: int = DOCUMENT_ROWS,
) -> tuple[np.ndarray, np.ndarray]:
    """The k documents with the largest dot product for every query, best first.

        result_i = the k first j by (-q_i . d_j, j)

    Equal scores are ordered by the lower document index, whatever the blocks. (Two equal documents
    can still differ in the last bit of their score, where a processor sums the edge of a tile in
    another order.)

    Args:
        queries: (n, dim) numbers.
        documents: (m, dim) numbers, in memory or memory-mapped, or an iterable of such blocks
            that is read once; a block is copied to float32 (float64 where the queries are) a
            piece at a time.
        k: how many; where the documents are fewer, all of them come back.
        query_rows, document_rows: the size of one tile of scores.

    Returns:
        scores (n, min(k, m)), float32 or float64, and document indices, int64.

    Raises:
        InputError: a shape that does not fit, a value that is not finite, k < 1.

    Memory: 4 tiles of scores + n x k results + what the caller holds.

    >>> scores, indices = top_k(np.eye(2), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), k=2)
    >>> indices.tolist()
    [[0, 2], [1, 0]]
    """
    if k < 1:
        raise InputError(f"top_k: k is {k}; expected at least 1")
    queries = np.asarray(queries)
    dtype = np.dtype(np.float64 if queries.dtype == np.float64 else np.float32)
    q = _tensor(queries, dtype, "queries", None)
    n, dim = q.shape
    best = torch.empty(n, 0, dtype=q.dtype)
    where = torch.empty(n, 0, dtype=torch.int64)
    start = 0
    for piece in _pieces(documents, document_rows):
        d = _tensor(piece, dtype, "documents", dim)
        size = min(k, best.shape[1] + len(d))
        new_best = torch.empty(n, size, dtype=q.dtype)
        new_where = torch.empty(n, size, dtype=torch.int64)
        for row in range(0, n, query_rows):
            rows = slice(row, row + query_rows)
            new_best[rows], new_where[rows] = merge(
                best[rows], where[rows], q[rows] @ d.T, start, k
            )
        best, where = new_best, new_where
        start += len(d)
    return best.numpy(), where.numpy()


def merge(best: Tensor, where: Tensor, scores: Tensor, start: int, k: int) -> tuple[Tensor, Tensor]:
    """The k best of the running result and one tile; the running ones have the lower indices."""
    n, held = best.shape
    if held < k:
        new, column = _first_k(scores, k)
    else:
        # Only a strictly larger score can enter: an equal one has the higher index. After the
        # first tiles hardly any does, so this pass costs little more than reading the tile.
        entering = scores > best[:, -1:]
        row, found = entering.nonzero(as_tuple=True)
        if len(row) == 0:
            return best, where
        counts = torch.bincount(row, minlength=n)
        width = int(counts.max())
        if width > k:
            new, column = _first_k(scores, k)
        else:
            place = torch.arange(len(row)) - (counts.cumsum(0) - counts)[row]
            new = torch.full((n, width), -torch.inf, dtype=scores.dtype)
            column = torch.zeros(n, width, dtype=torch.int64)
            new[row, place] = scores[row, found]
            column[row, place] = found
    values = torch.cat([best, new], 1)
    indices = torch.cat([where, column + start], 1)
    # Stable, and every part is ordered by index among equals: so is the result.
    values, order = torch.sort(values, dim=1, descending=True, stable=True)
    return values[:, :k], indices.gather(1, order[:, :k])


def _first_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest of every row, ties by the lower column; in the order of the columns."""
    n, m = scores.shape
    if m <= k:
        return scores, torch.arange(m).expand(n, m)
    threshold = torch.topk(scores, k, dim=1).values[:, -1:]
    above = scores > threshold
    equal = scores == threshold
    room = k - above.sum(1, keepdim=True)
    chosen = above | (equal & (equal.cumsum(1, dtype=torch.int32) <= room))
    column = chosen.nonzero()[:, 1].view(n, k)
    return scores.gather(1, column), column


def _pieces(documents: np.ndarray | Iterable[np.ndarray], rows: int) -> Iterator[np.ndarray]:
    for block in [documents] if isinstance(documents, np.ndarray) else documents:
        block = np.asarray(block)
        if block.ndim != 2:
            raise InputError(f"top_k: documents have shape {block.shape}; expected (m, dim)")
        for start in range(0, len(block), rows):
            yield block[start : start + rows]


def _tensor(array: np.ndarray, dtype: np.dtype, name: str, dim: int | None) -> Tensor:
    if array.ndim != 2 or (dim is not None and array.shape[1] != dim):
        expected = "(n, dim)" if dim is None else f"(m, {dim})"
        raise InputError(f"top_k: {name} have shape {array.shape}; expected {expected}")
    # A copy where the array is read-only (a memory map): torch wants writable memory.
    tensor = torch.from_numpy(np.require(array, dtype, ["C", "W"]))
    # One pass without a mask: a sum is finite if its parts are (overflow needs parts near 1e38).
    if not torch.isfinite(tensor.sum()) and not torch.isfinite(tensor).all():
        row = int((~torch.isfinite(tensor)).any(1).nonzero()[0])
        raise InputError(f"top_k: {name} hold a value that is not finite (row {row} of its block)")
    return tensor
