"""Vectors that come batch by batch, in any order, as one CSR matrix without their zeros."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class SparseRows:
    """`put` takes the dense vectors of some rows and drops their zeros; `matrix` is all of them.

    largest: how many numbers of a row are kept, the largest; None: all.
    """

    def __init__(self, count: int, dim: int, largest: int | None = None) -> None:
        self.shape, self.largest = (count, dim), largest
        self._columns: list[np.ndarray] = [np.empty(0, np.int32)] * count
        self._values: list[np.ndarray] = [np.empty(0, np.float32)] * count

    def put(self, rows: np.ndarray, vectors: np.ndarray) -> None:
        """The vectors (k, dim) of these rows (k); threads may put different rows at once."""
        for row, vector in zip(rows.tolist(), vectors, strict=True):
            columns = np.flatnonzero(vector)
            if self.largest is not None and len(columns) > self.largest:
                best = np.argsort(-vector[columns], kind="stable")[: self.largest]
                columns = np.sort(columns[best])
            self._columns[row] = columns.astype(np.int32)
            self._values[row] = vector[columns].astype(np.float32)

    def matrix(self) -> csr_matrix:
        """(count, dim) float32, columns of a row in their order."""
        from scipy.sparse import csr_matrix

        starts = np.cumsum([0, *map(len, self._columns)])
        columns = np.concatenate([np.empty(0, np.int32), *self._columns])
        values = np.concatenate([np.empty(0, np.float32), *self._values])
        return csr_matrix((values, columns, starts), shape=self.shape)
