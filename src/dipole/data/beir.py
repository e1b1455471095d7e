"""BEIR folders: `corpus.jsonl`, `queries.jsonl`, `qrels/{split}.tsv`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from dipole.data.columns import plan_pairs, plan_texts
from dipole.data.converting import BadRows, OnBadRow, convert
from dipole.data.examples import Pairs, Skipped, Texts
from dipole.data.readers import file_source
from dipole.data.retrieval import MetadataById, RetrievalData, TextById
from dipole.data.rows import Row, Source
from dipole.data.trec import Qrels, read_qrels
from dipole.errors import InputError


def is_beir(folder: Path) -> bool:
    """Whether a folder is, or was meant as, a BEIR folder."""
    return _file(folder, "corpus") is not None or _file(folder, "queries") is not None


def read_beir(folder: Path, split: str, on_bad_row: OnBadRow = "error") -> RetrievalData:
    """Corpus, the queries of a split and its judgements ("all": those of every split)."""
    corpus, queries = _texts(folder, "corpus", on_bad_row), _texts(folder, "queries", on_bad_row)
    documents, questions = TextById(corpus), TextById(queries)
    judged, bad_rows = _qrels(folder, split, documents, questions, on_bad_row)
    return RetrievalData(
        corpus=documents,
        queries={query: questions[query] for query in judged},
        qrels=judged,
        metadata=MetadataById(documents),
        origin=f"{folder}: BEIR, split '{split}'",
        skipped=_sum(corpus.skipped, queries.skipped, bad_rows.skipped),
    )


def beir_pairs(folder: Path, split: str, on_bad_row: OnBadRow = "error") -> Pairs:
    """(query, document) of every judgement above zero."""
    data = read_beir(folder, split, on_bad_row)

    def rows() -> Iterator[Row]:
        number = 0
        for query, judged in data.qrels.items():
            for document, relevance in judged.items():
                if relevance > 0:
                    number += 1
                    texts = {"anchor": data.queries[query], "positive": data.corpus[document]}
                    yield number, {"id": f"{query}/{document}", **texts}

    paths = [_file(folder, "corpus"), _file(folder, "queries"), *_splits(folder).values()]
    stats = [path.stat() for path in paths if path is not None]
    state = " ".join(f"{stat.st_size} {stat.st_mtime_ns}" for stat in stats)
    source = Source(str(folder), rows, state=(f"{folder.resolve()} {split}", state))
    pairs = cast(Pairs, convert(source, plan_pairs, "error"))
    return Pairs(pairs.table, origin=data.origin, skipped=data.skipped)


def _file(folder: Path, name: str) -> Path | None:
    for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz"):
        if path.is_file():
            return path
    return None


def _texts(folder: Path, name: str, on_bad_row: OnBadRow) -> Texts:
    path = _file(folder, name)
    if path is None:
        raise InputError(
            f"{folder}: found no {name}.jsonl; expected a BEIR folder with corpus.jsonl, "
            "queries.jsonl and qrels/"
        )
    return cast(Texts, convert(file_source(path), plan_texts, on_bad_row))


def _splits(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((folder / "qrels").glob("*.tsv"))}


def _qrels(
    folder: Path, split: str, corpus: TextById, queries: TextById, on_bad_row: OnBadRow
) -> tuple[Qrels, BadRows]:
    splits = _splits(folder)
    if split != "all" and split not in splits:
        raise InputError(
            f"{folder}: found no qrels/{split}.tsv; splits found: {', '.join(splits) or 'none'}"
        )

    def known(query: str, document: str) -> str | None:
        if query not in queries:
            return f"found the unknown query '{query}'; expected an _id of queries.jsonl"
        if document not in corpus:
            return f"found the unknown document '{document}'; expected an _id of corpus.jsonl"
        return None

    merged: Qrels = {}
    total = BadRows(str(folder), on_bad_row)
    for name, path in splits.items():
        if split in ("all", name):
            bad_rows = BadRows(str(path), on_bad_row)
            for query, judged in read_qrels(path, bad_rows, known).items():
                merged.setdefault(query, {}).update(judged)
            total.merge(bad_rows)
    return merged, total


def _sum(*parts: Skipped) -> Skipped:
    messages = tuple(message for part in parts for message in part.messages)
    return Skipped(sum(part.count for part in parts), messages)
