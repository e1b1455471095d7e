"""One version of an index, opened to be searched: what is read of it is kept with it.

No later write changes a version, and threads that search another one have another object: so
vectors in memory never answer for documents of another version.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipole.retrieval import filters, postings
from dipole.retrieval import small_vectors as small
from dipole.retrieval import table as lance
from dipole.retrieval.hits import Row
from dipole.retrieval.postings import Postings
from dipole.retrieval.scan import Scan, fits
from dipole.retrieval.store import State
from dipole.retrieval.token_vectors import TokenScan, is_of_tokens


class Opened:
    """A published version of the table; `ranges` say what the bytes of int8 vectors mean."""

    def __init__(self, folder: Path, state: State, ranges: np.ndarray | None) -> None:
        self.state = state
        self.table = lance.open_version(folder, state.version)
        self._ranges = ranges
        self._asked = 0
        self._scan: Scan | None = None
        self._postings: Postings | None = None
        self._tokens = TokenScan(self.table)

    def rankings(
        self,
        texts: Sequence[Any],
        vectors: Any,
        depth: int,
        *,
        hybrid: bool,
        exact: bool,
        rescore: int,
        where: str | None,
    ) -> list[tuple[list[Row], list[Row]]]:
        """Of each query the rows found by meaning and, if hybrid, by words."""
        sql = None
        if where is not None:
            sql = filters.condition(where, self.table.schema.names)
            # Of few rows the cells of an approximate index would hold too few.
            exact = exact or filters.check(self.table, where, sql) < lance.ANN_ROWS
        if postings.is_sparse(self.table):
            dense = self._rows([self._sparse(vector, depth, sql) for vector in vectors])
        elif is_of_tokens(self.table):
            dense = self._rows(self._tokens.nearest(vectors, depth, sql))
        elif sql is None and (scan := self._in_memory(vectors)) is not None:
            dense = scan.nearest(self.table, vectors, depth, lance.SHOWN)
        else:
            dense = [
                lance.nearest(
                    self.table, vector, depth,
                    exact=exact, rescore=rescore, ranges=self._ranges, where=sql,
                )
                for vector in vectors
            ]  # fmt: skip
        lexical = [lance.matching(self.table, t, depth, sql) if hybrid else [] for t in texts]
        return list(zip(dense, lexical, strict=True))

    def _in_memory(self, queries: np.ndarray) -> Scan | None:
        """The vectors, from the second query on: to read them costs as much as one."""
        self._asked += len(queries)
        if self._scan is None and self._asked > 1:
            column = lance.searched(self.table)
            if column == small.VECTOR and fits(self.state.documents, queries.shape[1]):
                self._scan = Scan.of(self.table, column)
        return self._scan

    def _sparse(self, vector: np.ndarray, k: int, where: str | None) -> dict[str, float]:
        if self._postings is None:
            self._postings = Postings(self.table, len(vector))
        among = None if where is None else lance.ids_where(self.table, where)
        return self._postings.nearest(vector, k, among)

    def _rows(self, found: Sequence[dict[str, float]]) -> list[list[Row]]:
        """What the table has of the documents that each query found."""
        rows = lance.take(self.table, list({i for scores in found for i in scores}))
        return [[{**rows[i], "score": score} for i, score in own.items()] for own in found]
