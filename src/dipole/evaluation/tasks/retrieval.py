"""Retrieval: does a system rank the relevant documents of a query first?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.data.inputs import described
from dipole.errors import InputError
from dipole.evaluation.encoding import ENCODE_ROWS, Encode, encode_function, given, vectors_of
from dipole.evaluation.measures import (
    RETRIEVAL,
    Measure,
    Qrels,
    Ranking,
    check_reach,
    deepest,
    measured,
    measures_of,
)
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import MEAN
from dipole.evaluation.tasks.own_documents import Itself, queries_that_are_documents, without_itself
from dipole.kernels.topk import top_k

if TYPE_CHECKING:
    from dipole.data import RetrievalData
    from dipole.data.memory import Table

METRICS = tuple(measure.name for measure in measures_of(None, None, RETRIEVAL))
DEPTH = 100  # of a run, where no measure looks deeper


def evaluate_run(
    run: Ranking, qrels: Qrels, *, at: Sequence[int] | None = None,
    measures: Sequence[str] | None = None, ignore_identical_ids: bool = False,
    system: str = "run", seed: int = 0,
) -> Result:  # fmt: skip
    """The metrics of a run, query id -> {document id: score}, by trec_eval's own code.

    Args:
        run: the order of the dict never matters; equal scores (compared as float32) are ordered
            by document id, the larger first, as trec_eval does. A query the run does not answer
            counts 0.
        qrels: query id -> {document id: relevance}. A query without a relevant document cannot be
            measured: it is left out and counted in `notes`.
        at, measures: cut-offs and measures, as of `measures_of`; not given: nDCG@10, MRR@10,
            Recall@1, @10 and @100, MAP@100.
        ignore_identical_ids: leave the document with the id of the query out of its ranking, as
            BEIR and MTEB do for sets whose queries are documents.

    >>> result = evaluate_run({"q": {"a": 0.9, "b": 0.8}}, {"q": {"b": 1}})
    >>> result.value("MRR@10"), result.value("Recall@1")
    (0.5, 0.0)
    """
    wanted = measures_of(measures, at, RETRIEVAL)
    _check_ids(run, "run")
    notes: tuple[str, ...] = ()
    if ignore_identical_ids:
        same = Itself({q: q for q, documents in run.items() if q in documents})
        run = without_itself(run, same)
        if same:
            notes = (f"{len(same.document):,} queries found the document with their own id: it is "
                     "left out of their ranking (ignore_identical_ids)",)  # fmt: skip
    if at is not None or measures is not None:
        longest = max((len(documents) for documents in run.values()), default=0)
        check_reach(wanted, longest, f"the longest ranking of the run has {longest} documents")
    return run_result("retrieval", run, qrels, wanted, notes=notes, system=system, seed=seed)


def run_result(
    task: str, run: Ranking, qrels: Qrels, measures: Sequence[Measure], *, system: str, seed: int,
    notes: tuple[str, ...] = (),
) -> Result:  # fmt: skip
    """The result of a run under these measures."""
    _check_ids(qrels, "qrels")
    _check_ids(run, "run")
    _check_scores(run)
    ids = [q for q, judged in qrels.items() if any(grade > 0 for grade in judged.values())]
    if not ids:
        raise InputError(
            f"none of {len(qrels)} judged queries has a relevant document; expected at least one"
        )
    per_item = measured(run, {q: qrels[q] for q in ids}, measures)
    without = len(qrels) - len(ids) + sum(q not in qrels for q in run)
    if without:
        notes += (f"queries without a relevant document, left out: {without}",)
    unanswered = sum(not run.get(q) for q in ids)
    if unanswered:
        notes += (f"queries without an answer, counted as 0: {unanswered} of {len(ids)}",)
    return Result(
        task, system, "query", ids, per_item, tuple(per_item), MEAN, notes,
        {q: dict(docs) for q, docs in run.items()}, seed,
    )  # fmt: skip


def nothing_to_rank(queries: int, what: str) -> tuple[str, ...]:
    """The note on queries for which any ranking is perfect."""
    said = f"queries to which {what} is relevant, so that any ranking is perfect: {queries:,}"
    return (said,) if queries else ()


def evaluate_retrieval(
    encoder: Any, data: RetrievalData | Table, k: int | None = None, *,
    at: Sequence[int] | None = None, measures: Sequence[str] | None = None,
    ignore_identical_ids: bool | None = None, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """Encode queries and documents, search exactly (dot product), measure the k best of a query.

    Args:
        encoder: whatever `encode_function` takes; the role is "query" or "document". Documents are
            encoded 65,536 at a time, the vectors of the whole corpus are never held.
        data: corpus, queries and qrels. Queries without a relevant document are not searched.
        k: depth of the run; not given: 100, or as deep as a measure looks.
        at, measures: as of `evaluate_run`.
        ignore_identical_ids: leave a document that is the query itself out of its ranking; not
            given: where there are such documents and none of them answers its query
            (`queries_that_are_documents`).

    Raises InputError: vectors that are not finite or all the same, no queries, k too small, a
    cut-off beyond the corpus.
    """
    known = _given(data)
    wanted, depth = _planned(known, k, at, measures)
    encode = encode_function(encoder, show_progress)
    asked = answerable(known)
    same = queries_that_are_documents(known, ignore_identical_ids)
    doc_ids = list(known.corpus)
    vectors = vectors_of(encode, list(asked.values()), "query", list(asked), "query", system)
    blocks = _document_blocks(encode, known.corpus, doc_ids, system)
    scores, indices = top_k(vectors, blocks, depth + bool(same))
    run = {
        q: {doc_ids[j]: s for j, s in zip(found, values, strict=True)}
        for q, found, values in zip(asked, indices.tolist(), scores.tolist(), strict=True)
    }
    return _result(run, known, wanted, depth, same, system, seed)


def evaluate_bm25(
    data: RetrievalData | Table, k: int | None = None, *, at: Sequence[int] | None = None,
    measures: Sequence[str] | None = None, ignore_identical_ids: bool | None = None,
    system: str = "bm25", seed: int = 0,
) -> Result:  # fmt: skip
    """The same measures of the same data by words alone (`dipole.lexical.bm25.BM25`)."""
    from dipole.lexical.bm25 import BM25

    known = _given(data)
    wanted, depth = _planned(known, k, at, measures)
    asked = answerable(known)
    same = queries_that_are_documents(known, ignore_identical_ids)
    run = BM25(known.corpus).search(asked, depth + bool(same))
    return _result(run, known, wanted, depth, same, system, seed)


def _given(data: Any) -> RetrievalData:
    if all(hasattr(data, part) for part in ("corpus", "queries", "qrels")):
        found: RetrievalData = data
    elif hasattr(data, "FIELDS") and "positive" in data.FIELDS:
        from dipole.data.retrieval import retrieval_from_pairs

        found = retrieval_from_pairs(data)
    else:
        found = given(data, "retrieval", "RetrievalData")
    return found


def _planned(
    data: RetrievalData, k: int | None, at: Sequence[int] | None, measures: Sequence[str] | None
) -> tuple[tuple[Measure, ...], int]:
    """The measures and how deep to search: what can be refused is refused before the work."""
    if not data.corpus:
        raise InputError("the corpus has no documents; expected at least one")
    wanted = measures_of(measures, at, RETRIEVAL)
    if at is not None or measures is not None:
        size = len(data.corpus)
        check_reach(wanted, size, f"the corpus has {size} document{'s' * (size != 1)}")
    needed, name = deepest(wanted, data.qrels)
    if k is not None and k < needed:
        raise InputError(f"k is {k}; expected at least {needed}, as {name} looks that deep")
    return wanted, max(DEPTH, needed) if k is None else k


def _result(
    run: Ranking, data: RetrievalData, wanted: Sequence[Measure], depth: int, same: Itself,
    system: str, seed: int,
) -> Result:  # fmt: skip
    run = without_itself(run, same, depth)
    qrels = {q: data.qrels.get(q, {}) for q in data.queries}
    notes = (*getattr(data, "notes", ()), *same.notes)
    full = sum(
        len(data.corpus) - (q in same.document) <= sum(g > 0 for g in judged.values())
        for q, judged in qrels.items()
    )
    notes += nothing_to_rank(full, "every document")
    return run_result("retrieval", run, qrels, wanted, notes=notes, system=system, seed=seed)


def answerable(data: RetrievalData) -> dict[str, str]:
    """The queries that have a relevant document, id -> text: those that can be measured.

    Raises InputError where there is none, or where the text of one is empty.
    """
    asked = {
        q: text
        for q, text in data.queries.items()
        if any(grade > 0 for grade in data.qrels.get(q, {}).values())
    }
    if not asked:
        raise InputError(
            f"none of {len(data.queries)} queries has a relevant document; expected at least one"
        )
    for q, text in asked.items():
        if isinstance(text, str) and not text.strip():
            raise InputError(f"query {q!r} is empty; expected a text")
    return asked


def _document_blocks(
    encode: Encode, corpus: Mapping[str, str], ids: list[str], system: str
) -> Iterator[np.ndarray]:
    """Vectors of the documents, some thousands at a time; an error if all of them are the same."""
    first: np.ndarray | None = None
    differ = len(ids) == 1
    texts = iter(corpus.values())
    for start in range(0, len(ids), ENCODE_ROWS):
        chosen = list(islice(texts, ENCODE_ROWS))
        part = ids[start : start + ENCODE_ROWS]
        block = vectors_of(encode, chosen, "document", part, "document", system)
        first = block[0].copy() if first is None else first
        # Unit vectors that differ by less than float32 rounding carry no order.
        differ = differ or bool((np.abs(block - first) > 1e-6).any())
        yield block
    if not differ:
        raise InputError(
            f"{system}: all {len(ids)} documents have the same vector; expected vectors that "
            "differ (the model has collapsed, or knows none of the words)"
        )


def _check_ids(table: Mapping[str, Mapping[str, float]], what: str) -> None:
    if not isinstance(table, Mapping) or not all(isinstance(d, Mapping) for d in table.values()):
        raise InputError(
            f"{what}: found {described(table)}; expected a dict, query id -> document id -> number"
        )
    for q, docs in table.items():
        # An id of another type would silently match nothing.
        if not isinstance(q, str):
            raise InputError(f"{what}: query id {q!r} is {type(q).__name__}; expected str")
        for d in docs:
            if not isinstance(d, str):
                raise InputError(f"{what}: document id {d!r} is {type(d).__name__}; expected str")


def _check_scores(run: Mapping[str, Mapping[str, float]]) -> None:
    for q, docs in run.items():
        for d, score in docs.items():
            found: Any = score
            if not isinstance(found, Real) or not math.isfinite(found):
                raise InputError(
                    f"run: query {q!r}, document {d!r} has score {score!r}; expected a number"
                )
