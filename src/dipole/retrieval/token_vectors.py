"""An index of texts with a vector for each token, searched by MaxSim.

    tokens     the vectors of a document's tokens, float32
    vector     one vector that stands for them (`fixed_vectors`)

Where the tokens of all documents fit into memory (256 MB, as `scan`), a search compares all of
them. Of more it compares those of candidates, whose `vector` has the largest dot products with the
query's; all are read from the disk if it is to be exact.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from dipole.errors import optional
from dipole.kernels.topk_maxsim import top_k_maxsim
from dipole.retrieval.fixed_vectors import DIM, document_vectors
from dipole.retrieval.scan import MOST
from dipole.retrieval.small_vectors import VECTOR

TOKENS = "tokens"
# Documents that are read at a time.
_ROWS = 1024
# Candidates of an approximate search: so many times k, and so many at least.
_TIMES, _LEAST = 10, 1000
# Vectors (t, d) of the tokens of some documents, where each begins and the last ends, their rows.
_Block = tuple[np.ndarray, np.ndarray, np.ndarray]


def is_of_tokens(table: Any) -> bool:
    """Whether a table holds a vector for each token."""
    return TOKENS in table.schema.names


def fields(dim: int) -> list[Any]:
    """The columns of a table for vectors of tokens."""
    pa = optional("pyarrow", "search")
    return [
        pa.field(TOKENS, pa.list_(pa.list_(pa.float32(), dim)), nullable=False),
        pa.field(VECTOR, pa.list_(pa.float32(), DIM), nullable=False),
    ]


def columns(vectors: Sequence[np.ndarray], dim: int) -> dict[str, Any]:
    """Vectors (t_i, dim) of documents as these columns."""
    import pyarrow as pa

    whole = np.concatenate([np.empty((0, dim), np.float32), *vectors]).astype(np.float32)
    inner = pa.FixedSizeListArray.from_arrays(pa.array(whole.reshape(-1)), dim)
    starts = pa.array(np.cumsum([0, *map(len, vectors)]).astype(np.int32))
    one = pa.array(document_vectors(vectors).reshape(-1))
    return {
        TOKENS: pa.ListArray.from_arrays(starts, inner),
        VECTOR: pa.FixedSizeListArray.from_arrays(one, DIM),
    }


def candidates(k: int) -> int:
    """How many documents an approximate search for k compares by their tokens."""
    return max(_TIMES * k, _LEAST)


class TokenScan:
    """The vectors of one version of a table; `_kept` once all were read and are few enough."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self._kept: list[_Block] | None = None
        self._fits: bool | None = None

    def fits(self) -> bool:
        """Whether the vectors fit into memory, as far as the first documents say."""
        if self._fits is None:
            count = self.table.count_rows()
            first = next(self._read(None, min(count, _ROWS)), None)
            size = 0 if first is None else first[0].size / len(first[2])
            self._fits = size * count <= MOST
        return self._fits

    def nearest(
        self, queries: Sequence[np.ndarray], k: int, shown: list[str], where: str | None = None
    ) -> list[list[dict[str, Any]]]:
        """For each query (t, d) the k rows of the largest MaxSim, as `score`; where: of those that
        a condition holds for."""
        rows: list[np.ndarray] = [np.empty(0, np.uint64)]

        def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for tokens, starts, own in self._blocks(where):
                rows.append(own)
                yield tokens, starts

        scores, places = top_k_maxsim(queries, blocks(), k)
        numbers = np.concatenate(rows)
        wanted = numbers[np.unique(places)]
        if not len(wanted):
            return [[] for _ in queries]
        taken = self.table.take_row_ids(wanted.tolist()).with_row_id().select(shown).to_list()
        known = {row.pop("_rowid"): row for row in taken}
        return [
            [{**known[numbers[i]], "score": float(s)} for i, s in zip(*found, strict=True)]
            for found in zip(places, scores, strict=True)
        ]

    def among(self, query: np.ndarray, rows: list[dict[str, Any]], k: int) -> list[dict[str, Any]]:
        """The k of some rows with the largest MaxSim with a query, as `score`."""
        if not rows:
            return []
        known = {row["_rowid"]: row for row in rows}
        found = self.table.take_row_ids(list(known)).with_row_id().select([TOKENS]).to_arrow()
        tokens, starts, numbers = _block(found.combine_chunks().to_batches()[0])
        scores, places = top_k_maxsim([query], [(tokens, starts)], k)
        chosen = [dict(known[int(numbers[i])]) for i in places[0]]
        for row, score in zip(chosen, scores[0], strict=True):
            row.pop("_rowid")
            row["score"] = float(score)
        return chosen

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

    def _read(self, where: str | None, count: int | None = None) -> Iterator[_Block]:
        query = self.table.search().select([TOKENS]).with_row_id(True)
        query = query if where is None else query.where(where)
        query = query.limit(max(self.table.count_rows() if count is None else count, 1))
        for batch in query.to_batches(batch_size=_ROWS):
            if len(batch):
                yield _block(batch)


def _block(batch: Any) -> _Block:
    """The tokens of a batch of Arrow, and the numbers of its rows."""
    column = batch.column(TOKENS)
    starts = column.offsets.to_numpy()
    inner = column.flatten()
    tokens = inner.flatten().to_numpy().reshape(-1, inner.type.list_size)
    return tokens, starts - starts[0], batch.column("_rowid").to_numpy()
