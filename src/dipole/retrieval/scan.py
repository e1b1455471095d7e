"""All vectors of an index in memory: a query is one product with a matrix.

Lance reads its vectors from the disk for every query. That is right for one query, and many times
slower than this for the next.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

# Numbers that are kept in memory at most: 256 MB, say 260,000 vectors of 256.
MOST = 2**26
# Scores that are looked at together.
_BLOCK = 2**24


class Scan(NamedTuple):
    """Vectors (n, d) of the rows of a table, in their order."""

    vectors: np.ndarray

    @classmethod
    def of(cls, table: Any, column: str) -> Scan:
        """The vectors of a column of a table."""
        found = table.to_table(columns=[column], scan_in_order=True).combine_chunks()
        flat = found[column].chunk(0).flatten() if len(found) else found[column].combine_chunks()
        width = found.schema.field(column).type.list_size
        return cls(flat.to_numpy().reshape(-1, width))

    def nearest(
        self, table: Any, queries: np.ndarray, k: int, columns: list[str]
    ) -> list[list[dict[str, Any]]]:
        """For each query (b, d) the k rows of the largest dot products, as `score`."""
        k = min(k, len(self.vectors))
        if k == 0:
            return [[] for _ in queries]
        step = max(1, _BLOCK // len(self.vectors))
        parts = [self._best(queries[i : i + step], k) for i in range(0, len(queries), step)]
        best, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
        wanted = np.unique(best)
        taken = table.take(wanted, columns=columns).to_pylist()
        known = dict(zip(wanted.tolist(), taken, strict=True))
        return [
            [{**known[i], "score": score} for i, score in zip(*found, strict=True)]
            for found in zip(best.tolist(), scores.tolist(), strict=True)
        ]

    def _best(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        scores = np.asarray(queries, dtype=self.vectors.dtype) @ self.vectors.T
        last = np.partition(scores, -k, axis=1)[:, -k]
        best = np.empty((len(scores), k), dtype=np.int64)
        for row, (own, least) in enumerate(zip(scores, last, strict=True)):
            better = np.flatnonzero(own > least)
            # Of those that are equal at the end, the first.
            best[row] = np.append(better, np.flatnonzero(own == least)[: k - len(better)])
        return best, np.take_along_axis(scores, best, 1)


def fits(documents: int, dim: int) -> bool:
    """Whether the vectors of so many documents are few enough to be kept."""
    return documents * dim <= MOST
