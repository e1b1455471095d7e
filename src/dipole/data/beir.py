"""BEIR folders: `corpus.jsonl`, `queries.jsonl`, `qrels/{split}.tsv`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from dipole.data.converting import BadRows, OnBadRow, convert
from dipole.data.examples import Pairs, Skipped, Texts
from dipole.data.judgements import Judgements
from dipole.data.plans import get, plan_pairs, plan_texts
from dipole.data.readers import file_source
from dipole.data.retrieval import MetadataById, RetrievalData, TextById
from dipole.data.rows import Bad, BadValueError, Row, Source, number_of
from dipole.data.trec import Qrels, read_qrels
from dipole.errors import InputError


def is_beir(folder: Path) -> bool:
    """Whether a folder is, or was meant as, a BEIR folder."""
    return any(next(folder.glob(f"{name}.jsonl*"), None) for name in ("corpus", "queries"))


def read_beir(folder: Path, split: str, on_bad_row: OnBadRow = "error") -> RetrievalData:
    """Corpus, the queries of a split and its judgements ("all": those of every split)."""
    paths = _qrels_paths(folder, split)
    corpus, queries = (
        cast(Texts, convert(file_source(_file(folder, name)), plan_texts, on_bad_row))
        for name in ("corpus", "queries")
    )
    documents, questions = TextById(corpus), TextById(queries)
    judgements = Judgements(documents, questions, on_bad_row)
    judged: Qrels = {}
    skipped = [corpus.skipped, queries.skipped]
    for path in paths:
        bad_rows = BadRows(str(path), on_bad_row)
        for query, relevance in read_qrels(path, bad_rows, judgements.problem).items():
            judged.setdefault(query, {}).update(relevance)
        skipped.append(bad_rows.skipped)
    origin = f"{folder}: BEIR, split '{split}'"
    return _assembled(documents, questions, judged, origin, skipped, judgements)


def read_beir_rows(
    corpus: Source, queries: Source, qrels: Source, on_bad_row: OnBadRow = "error"
) -> RetrievalData:
    """The same from rows (`query-id`, `corpus-id`, `score`), as the hub has these sets."""
    texts = [cast(Texts, convert(source, plan_texts, on_bad_row)) for source in (corpus, queries)]
    documents, questions = TextById(texts[0]), TextById(texts[1])
    judgements = Judgements(documents, questions, on_bad_row)
    judged: Qrels = {}
    bad_rows = BadRows(qrels.name, on_bad_row)
    for number, row in qrels.rows():
        if isinstance(row, Bad):
            bad_rows(number, row.message)
            continue
        try:
            query, document = (str(get(row, name)) for name in ("query-id", "corpus-id"))
            relevance = number_of(get(row, "score"), "score")
            if not relevance.is_integer():
                raise BadValueError(f"found the relevance {relevance}; expected a whole number")
            wrong = judgements.problem(query, document)
            if wrong is not None:
                raise BadValueError(wrong)
            judged.setdefault(query, {})[document] = int(relevance)
        except BadValueError as error:
            bad_rows(number, str(error))
    skipped = [texts[0].skipped, texts[1].skipped, bad_rows.skipped]
    return _assembled(documents, questions, judged, qrels.name, skipped, judgements)


def _assembled(
    documents: TextById,
    questions: TextById,
    judged: Qrels,
    origin: str,
    skipped: list[Skipped],
    judgements: Judgements,
) -> RetrievalData:
    messages = tuple(message for part in skipped for message in part.messages)
    return RetrievalData(
        corpus=documents,
        queries={query: questions[query] for query in judged},
        qrels=judged,
        metadata=MetadataById(documents),
        origin=origin,
        skipped=Skipped(sum(part.count for part in skipped), messages),
        notes=(*judgements.notes, *_unjudged(questions, judged)),
    )


def _unjudged(questions: TextById, judged: Qrels) -> tuple[str, ...]:
    count = len(questions) - len(judged)
    note = (
        f"queries without judgements in this split, not measured: {count:,} of {len(questions):,}"
    )
    return (note,) if count else ()


def beir_pairs(folder: Path, split: str, on_bad_row: OnBadRow = "error") -> Pairs:
    """(query, document) of every judgement above zero."""
    data = read_beir(folder, split, on_bad_row)

    def rows() -> Iterator[Row]:
        number = 0
        for query, judged in data.qrels.items():
            for document, relevance in judged.items():
                if relevance > 0 and document in data.corpus:
                    number += 1
                    texts = {"anchor": data.queries[query], "positive": data.corpus[document]}
                    yield number, {"id": f"{query}/{document}", **texts}

    paths = [_file(folder, "corpus"), _file(folder, "queries"), *_qrels_paths(folder, split)]

    def state() -> tuple[str, str]:
        files = " ".join(f"{path.stat().st_size} {path.stat().st_mtime_ns}" for path in paths)
        return f"{folder.resolve()} {split} {on_bad_row}", files

    source = Source(str(folder), rows, state)
    pairs = cast(Pairs, convert(source, plan_pairs, "error"))
    return Pairs(pairs.table, origin=data.origin, skipped=data.skipped)


def _file(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz"):
        if path.is_file():
            return path
    raise InputError(
        f"{folder}: found no {name}.jsonl; expected a BEIR folder with corpus.jsonl, "
        "queries.jsonl and qrels/"
    )


def _qrels_paths(folder: Path, split: str) -> list[Path]:
    found = {path.stem: path for path in sorted((folder / "qrels").glob("*.tsv"))}
    wanted = list(found) if split == "all" else split.split("+")
    for name in wanted or [split]:
        if name not in found:
            raise InputError(
                f"{folder}: found no qrels/{name}.tsv; splits found: {', '.join(found) or 'none'}"
            )
    return [found[name] for name in wanted]
