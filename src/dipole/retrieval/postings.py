"""An index of sparse vectors: two columns of a table, and an inverted index made of them.

    terms      the numbers of a document's words
    weights    how much each of them counts, float32

The table keeps them like any column: a change is whole or not at all. What a search reads is the
inverted index, from a word to the documents that have it. It is made when a version of the table
is first searched, and held in memory: 8 bytes for every weight of every document.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import optional

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

TERMS, WEIGHTS = "terms", "weights"


def is_sparse(table: Any) -> bool:
    """Whether a table holds sparse vectors."""
    return TERMS in table.schema.names


def fields() -> list[Any]:
    """The columns of a table for sparse vectors."""
    pa = optional("pyarrow", "search")
    return [
        pa.field(TERMS, pa.list_(pa.int32()), nullable=False),
        pa.field(WEIGHTS, pa.list_(pa.float32()), nullable=False),
    ]


def columns(vectors: csr_matrix) -> dict[str, Any]:
    """Vectors (n, vocabulary) as these columns."""
    import pyarrow as pa

    starts = pa.array(vectors.indptr.astype(np.int32))
    parts = {TERMS: vectors.indices.astype(np.int32), WEIGHTS: vectors.data.astype(np.float32)}
    return {name: pa.ListArray.from_arrays(starts, pa.array(x)) for name, x in parts.items()}


class Postings:
    """The inverted index of one version of a table."""

    def __init__(self, table: Any, dim: int) -> None:
        from scipy.sparse import csr_matrix

        ids: list[Any] = []
        sizes, terms, weights = [np.zeros(1, np.int64)], [], []
        for batch in table.to_batches(columns=["id", TERMS, WEIGHTS]):
            ids += batch.column("id").to_pylist()
            sizes.append(np.diff(batch.column(TERMS).offsets.to_numpy()))
            terms.append(batch.column(TERMS).flatten().to_numpy())
            weights.append(batch.column(WEIGHTS).flatten().to_numpy())
        starts = np.concatenate(sizes).cumsum()
        vectors = csr_matrix(
            (
                np.concatenate([np.empty(0, np.float32), *weights]),
                np.concatenate([np.empty(0, np.int32), *terms]),
                starts,
            ),
            shape=(len(ids), dim),
        )
        self.ids = ids
        self._documents = vectors.T.tocsr()  # a row for every word

    def nearest(
        self, vector: np.ndarray, k: int, among: Collection[str] | None = None
    ) -> dict[str, float]:
        """The k documents with the largest dot product with a query (vocabulary,), the best first,
        equal ones by their ids; those that share no word with it are never among them. among: the
        ids of documents that may be found, None for all."""
        from scipy.sparse import csr_matrix

        found = csr_matrix(vector[None]) @ self._documents
        places, scores = found.indices, found.data
        if among is not None:
            kept = np.array([self.ids[i] in among for i in places], dtype=bool)
            places, scores = places[kept], scores[kept]
        if len(places) > k:
            last = np.partition(scores, -k)[-k]
            places, scores = places[scores >= last], scores[scores >= last]
        scored = [(self.ids[i], float(s)) for i, s in zip(places, scores, strict=True)]
        return dict(sorted(scored, key=lambda pair: (-pair[1], pair[0]))[:k])
