"""An index on disk: vectors, texts, metadata, full-text index; searched by meaning and by words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from dipole.data.inputs import batch_of, check_texts, real_number, whole_number
from dipole.data.rows import shown
from dipole.encoders.quantizing import VectorPrecision, ranges_of
from dipole.encoders.reading import gives_tokens
from dipole.encoders.static_reader import StaticReader
from dipole.errors import InputError, note
from dipole.retrieval import filters, store
from dipole.retrieval import small_vectors as small
from dipole.retrieval import table as lance
from dipole.retrieval.documents import Batch, Document, encoded, is_sparse
from dipole.retrieval.hits import DEPTH, Hit, Ranking, Row, check_query, hits_of, scores_of
from dipole.retrieval.opened import Opened
from dipole.tables import Shown, Table

if TYPE_CHECKING:  # torch takes two seconds, and neither a mistake nor `len` needs it
    from dipole.encoders import Encoder

_Answer = TypeVar("_Answer")
# Share of the ranking by meaning in a hybrid search; measured, see docs/search.md.
WEIGHT = 0.75


class Index(Shown):
    """Documents that can be searched, kept in a folder with a copy of the model that made it.

    Every change is whole or not at all: a process killed while it writes leaves what was there
    before or what should be there after. One process writes at a time, any number search
    meanwhile, each search on one state of the documents, the newest.

    A search compares all vectors as long as they fit into 256 MB (260,000 documents of 256 numbers;
    of bits up to 50,000 documents); from there on it asks an approximate index (Lance's IVF_SQ,
    candidates compared again exactly), unless `exact=True`. Sparse vectors are always searched
    exactly, with an inverted index that is made at the first search; a vector for each token always
    by exact MaxSim.

    Example:
        >>> index = Index.create("notes", encoder, [Document("1", "how to tie a knot")])
        >>> Index.open("notes").search("ropes", k=1)[0].id
        '1'
    """

    def __init__(self, folder: Path, state: store.State, encoder: Encoder | None) -> None:
        self.folder = folder
        self.fingerprint = state.fingerprint
        self._encoder = encoder
        self._reader: StaticReader | None = None
        self._ranges = small.read_ranges(folder)
        self._opened: Opened | None = None

    @classmethod
    def create(
        cls,
        folder: str | Path,
        encoder: Encoder,
        documents: Iterable[Document],
        *,
        precision: VectorPrecision = "float32",
        show_progress: bool = False,
        wait: bool = False,
    ) -> Index:
        """Index documents in a new folder, which appears when all of them are in.

        Args:
            precision: what is kept of a vector: "float32", or "int8" (a sign to search by and a
                byte to rank by, of every number; ranges of the first 8,192 documents), or "ubinary"
                (a sign). Sparse vectors, and those of tokens, are kept as they are.
            wait: for another process that is making this index, instead of an error.

        Raises:
            InputError: the folder exists; no document, or one with an empty text or an id again;
                a precision of sparse vectors or of those of tokens.
            RunError: the disk is full, or another process is making this index.
        """
        from dipole.encoders import fingerprint
        from dipole.encoders.own import save_encoder

        folder = Path(folder).expanduser()
        small.check_precision(precision)
        kind: lance.VectorKind = "sparse" if is_sparse(encoder) else "dense"
        kind = "tokens" if gives_tokens(encoder) else kind
        if kind != "dense" and precision != "float32":
            what = "sparse" if kind == "sparse" else "of tokens"
            raise InputError(
                f"precision: found {precision} for {type(encoder).__name__}, whose vectors are "
                f"{what} and kept as they are; expected none"
            )
        with store.creating(
            folder, fingerprint(encoder), encoder.dim, precision, kind=kind, wait=wait
        ) as (partial, write):
            save_encoder(encoder, partial / store.MODEL)
            ranges = None
            for batch in encoded(documents, encoder, show_progress=show_progress):
                if precision == "int8" and ranges is None:
                    ranges = ranges_of(batch.vectors)
                    np.save(partial / small.RANGES, ranges)
                write.table.insert(_rows(write.table, batch, ranges))
                write.changed += len(batch.documents)
            if write.changed == 0:
                raise InputError(f"{folder}: found no documents; expected at least one")
        return cls.open(folder, encoder)

    @classmethod
    def open(cls, folder: str | Path, encoder: Encoder | None = None) -> Index:
        """An index on disk; with an encoder, only if this encoder made it.

        Without one, the copy of the model in the folder is loaded at the first search.

        Raises:
            InputError: no such folder, a folder that is no index, an index of another model.
        """
        folder = Path(folder).expanduser()
        state = store.read_state(folder)
        if encoder is not None:
            from dipole.encoders import fingerprint

            _same_model(folder, state.fingerprint, fingerprint(encoder))
        return cls(folder, state, encoder)

    def __len__(self) -> int:
        return store.read_state(self.folder).documents

    def _table(self) -> Table:
        state = store.read_state(self.folder)
        rows = [
            ("documents", f"{state.documents:,}"),
            ("vectors", f"{state.dim:,} numbers"),
            ("model", f"fingerprint {state.fingerprint[:12]}"),
        ]
        return Table(f"Index {self.folder}", rows)

    @property
    def encoder(self) -> Encoder:
        """The model of the index."""
        if self._encoder is None:
            from dipole.encoders import fingerprint, load_encoder

            encoder = load_encoder(self.folder / store.MODEL)
            _same_model(self.folder, self.fingerprint, fingerprint(encoder))
            self._encoder = encoder
        return self._encoder

    def add(
        self, documents: Iterable[Document], *, show_progress: bool = False, wait: bool = False
    ) -> int:
        """Add documents, none of whose ids the index has; returns how many.

        wait: for another process that writes, here and in `replace` and `delete`; else a RunError.
        """
        encoder = self.encoder
        with store.writing(self.folder, wait=wait) as write:

            def check(ids: list[str]) -> None:
                again = lance.known(write.table, ids)
                if again:
                    raise InputError(
                        f"{self.folder}: has a document {shown(again[0])} already; expected new "
                        "ids, or replace"
                    )

            for batch in encoded(documents, encoder, check, show_progress=show_progress):
                write.table.insert(_rows(write.table, batch, self._ranges))
                write.changed += len(batch.documents)
        return write.changed

    def replace(
        self, documents: Iterable[Document], *, show_progress: bool = False, wait: bool = False
    ) -> int:
        """Put documents in the place of those with their ids, add the others; returns how many."""
        encoder = self.encoder
        with store.writing(self.folder, wait=wait) as write:
            for batch in encoded(documents, encoder, show_progress=show_progress):
                lance.upsert(write.table, _rows(write.table, batch, self._ranges))
                write.changed += len(batch.documents)
        return write.changed

    def delete(self, ids: Iterable[str], *, wait: bool = False) -> int:
        """Remove the documents with these ids; returns how many there were.

        Raises:
            InputError: one id by itself (a text is no list of its letters), an id that is no text.
        """
        unordered = list(ids) if isinstance(ids, (set, frozenset)) else ids
        wanted = list(dict.fromkeys(batch_of(unordered, "delete: ids")))
        check_texts(wanted, "delete: ids")
        with store.writing(self.folder, wait=wait) as write:
            before = write.table.count_rows()
            lance.delete(write.table, wanted)
            write.changed = before - write.table.count_rows()
        return write.changed

    def search(
        self,
        text: Any,
        k: int = 10,
        *,
        hybrid: bool = False,
        weight: float | None = None,
        exact: bool = False,
        rescore: int = lance.RESCORE,
        rerank: Any = None,
        where: str | None = None,
    ) -> list[Hit]:
        """The k best documents for a query, the best first.

        Args:
            text: the query, a text or an array, as the model reads it.
            k: how many; fewer come back only if the index (or `where`) has fewer, or, of sparse
                vectors, fewer share a word with the query.
            hybrid: fuse the ranking by meaning with one by words (BM25): a convex combination
                of scores normalised to 0..1, over the 100 (or k) best of each.
            weight: the share of the ranking by meaning in it, from 0 to 1. By default what
                `dipole.retrieval.weigh` chose for this index, else 0.75.
            exact: compare with all vectors, however many there are.
            rescore: of an index of int8 or ubinary vectors: the so many times k documents whose
                signs are most like the query's are ranked by the float vector of the query.
            rerank: what reads a query and a document together, with `score(first, second)` (a
                cross-encoder): it orders the 100 (or k) best anew, and its scores are the hits'.
            where: a condition on the metadata, applied before the ranking: "lang = 'de' and year >=
                2020" (see `dipole.retrieval.filters.condition`). Numbers of a csv count as such.

        Raises:
            InputError: a query that is empty or no text, k below 1, a weight outside 0..1; a
                condition that cannot be read, or that names a column no document has.
        """
        (hits,) = self.search_batch(
            [text], k, hybrid=hybrid, weight=weight, exact=exact, rescore=rescore, rerank=rerank,
            where=where,
        )  # fmt: skip
        return hits

    def search_batch(
        self,
        texts: Sequence[Any],
        k: int = 10,
        *,
        hybrid: bool = False,
        weight: float | None = None,
        exact: bool = False,
        rescore: int = lance.RESCORE,
        rerank: Any = None,
        where: str | None = None,
    ) -> list[list[Hit]]:
        """The k best documents for each of several queries, faster than one after the other.

        All queries are encoded together and meet the vectors together. The rest is as in `search`.
        """
        texts = batch_of(texts, "search_batch: texts")
        for text in texts:
            check_query(text, hybrid, rerank)
        k, rescore = whole_number(k, "k"), whole_number(rescore, "rescore")
        if weight is not None:
            weight = real_number(weight, "weight", 0, 1)
        if not texts:
            return []
        depth = k if rerank is None and not hybrid else max(k, DEPTH)
        found = self._rankings(texts, depth, hybrid, exact=exact, rescore=rescore, where=where)
        weight = self.weight if weight is None else weight
        return [
            hits_of(text, dense, lexical, k, weight if hybrid else None, rerank)
            for text, (dense, lexical) in zip(texts, found, strict=True)
        ]

    @property
    def weight(self) -> float:
        """The share of the ranking by meaning in a hybrid search that names none."""
        own = store.read_state(self.folder).weight
        return WEIGHT if own is None else own

    def keep_weight(self, weight: float, *, wait: bool = False) -> None:
        """Let hybrid searches of this index use this share from now on."""
        weight = real_number(weight, "weight", 0, 1)
        store.set_weight(self.folder, weight, wait=wait)

    def rankings(self, texts: Sequence[str], depth: int = DEPTH) -> list[tuple[Ranking, Ranking]]:
        """For each query the documents that are nearest in meaning, and those that match its words
        best: id -> score. A hybrid search fuses the two."""
        found = self._rankings(texts, depth, True)
        return [(scores_of(dense), scores_of(lexical)) for dense, lexical in found]

    def _query_encoder(self) -> Any:
        """The model, or the same read without torch, which is ready two seconds sooner."""
        if self._encoder is None and self._reader is None:
            self._reader = StaticReader.of(self.folder / store.MODEL)
            if self._reader is not None:
                _same_model(self.folder, self.fingerprint, self._reader.fingerprint())
        return self._reader or self.encoder

    def _rankings(
        self,
        texts: Sequence[Any],
        depth: int,
        hybrid: bool,
        *,
        exact: bool = False,
        rescore: int = lance.RESCORE,
        where: str | None = None,
    ) -> list[tuple[list[Row], list[Row]]]:
        """Of each query the rows found by meaning and, if hybrid, by words."""
        encoder = self._query_encoder()
        encode = encoder.encode_tokens if gives_tokens(encoder) else encoder.encode
        vectors = encode(list(texts), role="query")
        for text, vector in zip(texts, vectors, strict=True):
            if not vector.any():
                note(
                    f"the model knows no word of the query {text!r:.60}: its ranking means nothing"
                )

        return self._read(
            lambda opened: opened.rankings(
                texts, vectors, depth,
                hybrid=hybrid, exact=exact, rescore=rescore, where=where,
            )
        )  # fmt: skip

    def _read(self, question: Callable[[Opened], _Answer]) -> _Answer:
        """What the published version of the index answers.

        A writer may publish another and clear this one meanwhile: then the question is put again.
        """
        while True:
            state = store.read_state(self.folder)
            if state.fingerprint != self.fingerprint:
                raise InputError(f"{self.folder}: indexed anew with another model; open it again")
            try:
                opened = self._opened  # another thread may put a newer one in its place
                if opened is None or opened.state != state:
                    opened = self._opened = Opened(self.folder, state, self._ranges)
                return question(opened)
            except InputError:
                raise
            except (ValueError, RuntimeError, OSError) as error:
                if store.read_state(self.folder) == state:
                    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                    raise InputError(
                        f"{self.folder}: cannot be read ({reason}); expected an index as it was "
                        "written; index again if it is damaged"
                    ) from error


def _rows(table: Any, batch: Batch, ranges: np.ndarray | None) -> Any:
    ids = [document.id for document in batch.documents]
    # An array is known by its vector, its id and its metadata alone.
    texts = [d.text if isinstance(d.text, str) else "" for d in batch.documents]
    metadata = [document.metadata for document in batch.documents]
    filters.widen(table, metadata)
    return lance.rows(table, ids, texts, metadata, batch.vectors, ranges)


def _same_model(folder: Path, expected: str, found: str) -> None:
    if found != expected:
        raise InputError(
            f"{folder}: made by another model (fingerprint {expected[:12]}, this model has "
            f"{found[:12]}); expected the model it was made with, or a new index"
        )
