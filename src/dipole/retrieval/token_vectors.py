"""An index of texts with a vector for each token: one column of lists, searched by MaxSim.

A search is exact. It reads the column from the disk, or keeps it in memory if it is small enough:
256 MB, as `scan`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dipole.errors import optional
from dipole.retrieval.scan import MOST

TOKENS = "tokens"
# Documents that are read at a time.
_ROWS = 1024
# Vectors (t, d) of the tokens of some documents, where each begins and the last ends, their ids.
_Block = tuple[np.ndarray, np.ndarray, list[str]]


def is_of_tokens(table: Any) -> bool:
    """Whether a table holds a vector for each token."""
    return TOKENS in table.schema.names


def fields(dim: int) -> list[Any]:
    """The column of a table for vectors of tokens."""
    pa = optional("pyarrow", "search")
    return [pa.field(TOKENS, pa.list_(pa.list_(pa.float32(), dim)), nullable=False)]


def columns(vectors: Sequence[np.ndarray], dim: int) -> dict[str, Any]:
    """Vectors (t_i, dim) of documents as this column."""
    import pyarrow as pa

    whole = np.concatenate([np.empty((0, dim), np.float32), *vectors]).astype(np.float32)
    inner = pa.FixedSizeListArray.from_arrays(pa.array(whole.reshape(-1)), dim)
    starts = pa.array(np.cumsum([0, *map(len, vectors)]).astype(np.int32))
    return {TOKENS: pa.ListArray.from_arrays(starts, inner)}


class TokenScan:
    """The vectors of one version of a table; `_kept` once all were read and are few enough."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self._kept: list[_Block] | None = None

    def nearest(
        self, queries: Sequence[np.ndarray], k: int, where: str | None = None
    ) -> list[dict[str, float]]:
        """For each query (t, d) the k documents of the largest MaxSim, id -> score, the best first;
        where: of those that a condition holds for."""
        ids: list[str] = []

        def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for tokens, starts, own in self._blocks(where):
                ids.extend(own)
                yield tokens, starts

        from dipole.kernels.topk_maxsim import top_k_maxsim  # and torch

        scores, places = top_k_maxsim(queries, blocks(), k)
        return [
            {ids[i]: float(score) for i, score in zip(*found, strict=True)}
            for found in zip(places, scores, strict=True)
        ]

    def _blocks(self, where: str | None) -> Iterator[_Block]:
        if self._kept is not None and where is None:
            yield from self._kept
            return
        kept: list[_Block] | None = [] if where is None else None
        size = 0
        for block in self._read(where):
            size += block[0].size
            kept = kept if size <= MOST else None
            if kept is not None:
                kept.append(block)
            yield block
        self._kept = self._kept or kept

    def _read(self, where: str | None) -> Iterator[_Block]:
        query = self.table.scanner(
            columns=["id", TOKENS], filter=where, batch_size=_ROWS, scan_in_order=True
        )
        for batch in query.to_batches():
            if not len(batch):
                continue
            column = batch.column(TOKENS)
            starts = column.offsets.to_numpy()
            inner = column.flatten()
            tokens = inner.flatten().to_numpy().reshape(-1, inner.type.list_size)
            yield tokens, starts - starts[0], batch.column("id").to_pylist()
