"""Retrieval data: a corpus, queries, and which documents answer which query."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from dataclasses import dataclass, field
from typing import Any

from dipole.data.examples import Pairs, Skipped, Texts, Triplets
from dipole.data.same import content_key
from dipole.showing import counted


@dataclass(frozen=True)
class RetrievalData:
    """Documents, queries and relevance judgements, all by id.

    `queries` are those that have judgements. `metadata` gives for a document id what is known of it
    beyond its text (for code: file, line, name); {} where nothing is. `itself` gives for a query
    the document with its text that does not answer it; `columns` which columns of a file the
    queries and the documents were; `notes` what whoever measures with these data has to say.
    """

    corpus: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    origin: str = ""
    skipped: Skipped = field(default_factory=Skipped)
    itself: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()

    @property
    def direction(self) -> str:
        """What finds what, by the columns of the file where there are some."""
        return " -> ".join(self.columns or ("query", "document"))

    @property
    def sizes(self) -> str:
        """How many queries and documents there are, in words."""
        return f"{counted(len(self.queries), 'query')}, {counted(len(self.corpus), 'document')}"

    def __repr__(self) -> str:
        return (
            f"RetrievalData({len(self.corpus)} documents, {len(self.queries)} queries "
            f"from {self.origin or 'python values'})"
        )


class TextById(Mapping[str, str]):
    """Texts by id, read where they are touched; iterating reads them in order."""

    def __init__(self, texts: Texts) -> None:
        self.texts = texts
        self._row = {identity: row for row, identity in enumerate(texts.column("id"))}

    def row(self, identity: str) -> int:
        """The row of an id in `texts`; KeyError where there is none."""
        return self._row[identity]

    def __getitem__(self, identity: str) -> str:
        return str(self.texts.column("text")[self._row[identity]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)

    def __contains__(self, identity: object) -> bool:
        return identity in self._row

    def values(self) -> ValuesView[str]:
        return _Values(self)

    def items(self) -> ItemsView[str, str]:
        return _Items(self)


class _Values(ValuesView[str]):
    _mapping: TextById

    def __iter__(self) -> Iterator[str]:
        return iter(self._mapping.texts.column("text"))


class _Items(ItemsView[str, str]):
    _mapping: TextById

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return zip(self._mapping, self._mapping.texts.column("text"), strict=True)


class MetadataById(Mapping[str, Mapping[str, Any]]):
    """What is known of each document beyond its text, by id."""

    def __init__(self, texts: TextById) -> None:
        self._texts = texts

    def __getitem__(self, identity: str) -> Mapping[str, Any]:
        return self._texts.texts.metadata(self._texts.row(identity))

    def __iter__(self) -> Iterator[str]:
        return iter(self._texts)

    def __len__(self) -> int:
        return len(self._texts)


def retrieval_from_pairs(pairs: Pairs | Triplets) -> RetrievalData:
    """Every positive is a document, every anchor a query; the same text (`data.same`) is one.

    An anchor that stands in several rows has several right answers. An anchor that is also a
    positive, of other anchors only, is noted in `itself`.
    """
    documents: dict[int, str] = {}
    questions: dict[int, str] = {}
    corpus: dict[str, str] = {}
    queries: dict[str, str] = {}
    metadata: dict[str, Mapping[str, Any]] = {}
    qrels: dict[str, dict[str, int]] = {}
    for row, pair in enumerate(pairs):
        document = documents.setdefault(content_key(pair["positive"]), pair["id"])
        if document not in corpus:
            corpus[document] = pair["positive"]
            metadata[document] = pairs.metadata(row)
        # Not the document's own id: tools that take a query out of its own ranking (they mean
        # sets whose queries are documents) would take out the answer.
        query = questions.setdefault(content_key(pair["anchor"]), f"q/{pair['id']}")
        queries.setdefault(query, pair["anchor"])
        qrels.setdefault(query, {})[document] = 1
    itself = {
        query: documents[key]
        for key, query in questions.items()
        if key in documents and documents[key] not in qrels[query]
    }
    taken = pairs.columns
    return RetrievalData(
        corpus, queries, qrels, metadata, pairs.origin, pairs.skipped, itself,
        (taken["anchor"], taken["positive"]) if taken else None,
    )  # fmt: skip
