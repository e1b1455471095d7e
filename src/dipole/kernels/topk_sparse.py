"""Exact top-k of dot products of sparse vectors, by a product of CSR matrices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch

from dipole.errors import InputError
from dipole.kernels.topk import DOCUMENT_ROWS, QUERY_ROWS, merge

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


def top_k_sparse(
    queries: csr_matrix,
    documents: Iterable[csr_matrix],
    k: int,
    *,
    query_rows: int = QUERY_ROWS,
    document_rows: int = DOCUMENT_ROWS,
) -> tuple[np.ndarray, np.ndarray]:
    """`top_k` of vectors that are mostly 0: the k first j by (-q_i . d_j, j).

    A product of two sparse matrices visits, for every number of a query that is not 0, the
    documents that have one there, as an inverted index does. Nothing is left out: where fewer than
    k documents share a number with a query, others follow with the score 0.

    Args:
        queries: (n, dim) in scipy's CSR.
        documents: blocks (m, dim) in CSR, read once.
        k: how many; where the documents are fewer, all of them come back.
        query_rows, document_rows: the size of one tile of scores.

    Returns:
        scores (n, min(k, m)), float32, and document indices, int64.

    Raises:
        InputError: sizes that do not fit, k < 1.

    >>> from scipy.sparse import csr_matrix
    >>> found = top_k_sparse(csr_matrix(np.eye(2)), [csr_matrix([[1.0, 0.0], [0.0, 2.0]])], k=1)
    >>> found[0].tolist(), found[1].tolist()
    ([[1.0], [2.0]], [[0], [1]])
    """
    if k < 1:
        raise InputError(f"top_k_sparse: k is {k}; expected at least 1")
    n, dim = queries.shape
    best = torch.empty(n, 0)
    where = torch.empty(n, 0, dtype=torch.int64)
    start = 0
    for block in documents:
        if block.shape[1] != dim:
            raise InputError(
                f"top_k_sparse: documents have shape {block.shape}; expected (m, {dim})"
            )
        for first in range(0, block.shape[0], document_rows):
            piece = block[first : first + document_rows].T
            parts = []
            for row in range(0, n, query_rows):
                rows = slice(row, row + query_rows)
                tile = (queries[rows] @ piece).toarray().astype(np.float32, copy=False)
                parts.append(merge(best[rows], where[rows], torch.from_numpy(tile), start, k))
            if parts:
                best, where = (torch.cat(found) for found in zip(*parts, strict=True))
            start += piece.shape[1]
    return best.numpy(), where.numpy()
