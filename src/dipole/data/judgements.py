"""Judgements of queries and documents that the collection lacks: refused, or counted and said."""

from __future__ import annotations

from collections.abc import Container

from dipole.data.converting import OnBadRow


class Judgements:
    """What is wrong with the judgements of a collection.

    With `on_bad_row="skip"` a judgement of an unknown query is left out. One of an unknown document
    stays, as trec_eval, BEIR and MTEB have it: a relevant document counts in recall and in the
    ideal ranking of nDCG, though no system can find it. `empty`: documents that are known and have
    no text; their judgements stay without asking.
    """

    def __init__(
        self,
        documents: Container[str],
        queries: Container[str],
        on_bad_row: OnBadRow,
        empty: Container[str] = (),
    ) -> None:
        self._documents = documents
        self._queries = queries
        self._empty = empty
        self._skip = on_bad_row == "skip"
        self._kept = 0
        self._left_out = 0
        self._first = ""

    def problem(self, query: str, document: str) -> str | None:
        """What is wrong with one judgement, if it cannot stay."""
        if query not in self._queries:
            self._left_out += 1
            return (
                f"found the unknown query '{query}'; expected an _id of the queries "
                "(--on-bad-row skip leaves such judgements out)"
            )
        if document not in self._documents:
            if not self._skip and document not in self._empty:
                return (
                    f"found the unknown document '{document}'; expected an _id of the corpus "
                    "(--on-bad-row skip keeps such judgements: they count, and cannot be found)"
                )
            self._kept += 1
            self._first = self._first or document
        return None

    @property
    def notes(self) -> tuple[str, ...]:
        """What whoever measures with these judgements has to say."""
        found = []
        if self._kept:
            found.append(
                f"judgements of documents that the corpus lacks, which count and cannot be found: "
                f"{self._kept:,} (the first: '{self._first}')"
            )
        if self._left_out:
            found.append(f"judgements of unknown queries, left out: {self._left_out:,}")
        return tuple(found)
