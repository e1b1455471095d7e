"""Retrieval: does a system rank the relevant documents of a query first?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError, optional
from dipole.evaluation.encoding import ENCODE_ROWS, Encode, encode_function, vectors_of
from dipole.evaluation.result import Result
from dipole.evaluation.statistics import MEAN
from dipole.kernels.topk import top_k

if TYPE_CHECKING:
    from dipole.data import RetrievalData

Qrels = Mapping[str, Mapping[str, int]]

# Our name -> trec_eval's measure and the key it comes back under.
MEASURES = {
    "nDCG@10": ("ndcg_cut.10", "ndcg_cut_10"),
    "MRR@10": ("recip_rank", "recip_rank"),
    "Recall@1": ("recall.1", "recall_1"),
    "Recall@10": ("recall.10", "recall_10"),
    "Recall@100": ("recall.100", "recall_100"),
    "MAP@100": ("map_cut.100", "map_cut_100"),
}
METRICS = tuple(MEASURES)
DEPTH = 100  # the deepest cut above


def evaluate_run(
    run: Mapping[str, Mapping[str, float]], qrels: Qrels, *, system: str = "run", seed: int = 0
) -> Result:
    """The metrics of a run, query id -> {document id: score}, by trec_eval's own code.

    nDCG@10 takes the relevance as gain; for the others a document is relevant from 1 on. Equal
    scores (compared as float32) are ordered by document id, the larger first, as trec_eval does;
    the order of the dict never matters. A query the run does not answer counts 0. A query without
    a relevant document cannot be measured: it is left out and counted in `notes`.

    >>> result = evaluate_run({"q": {"a": 0.9, "b": 0.8}}, {"q": {"b": 1}})
    >>> result.value("MRR@10"), result.value("Recall@1")
    (0.5, 0.0)
    """
    return run_result("retrieval", run, qrels, MEASURES, system=system, seed=seed)


def run_result(
    task: str, run: Mapping[str, Mapping[str, float]], qrels: Qrels,
    measures: Mapping[str, tuple[str, str]], *, system: str, seed: int,
) -> Result:  # fmt: skip
    """`evaluate_run` for any measures of trec_eval: our name -> (its measure, its key)."""
    pytrec_eval = optional("pytrec_eval", "search")

    _check_ids(qrels, "qrels")
    _check_ids(run, "run")
    _check_scores(run)
    ids = [q for q, judged in qrels.items() if any(grade > 0 for grade in judged.values())]
    if not ids:
        raise InputError(
            f"none of {len(qrels)} judged queries has a relevant document; expected at least one"
        )
    evaluator = pytrec_eval.RelevanceEvaluator(
        {q: {d: int(grade) for d, grade in qrels[q].items()} for q in ids},
        {measure for measure, _ in measures.values()},
    )
    answered = {q: {d: float(s) for d, s in run[q].items()} for q in ids if run.get(q)}
    found = evaluator.evaluate(answered)
    per_item = {
        name: np.array([found[q][key] if q in found else 0.0 for q in ids])
        for name, (_, key) in measures.items()
    }
    if "MRR@10" in per_item:
        # trec_eval has no cut for the reciprocal rank: 1/10 still counts, 1/11 no longer.
        per_item["MRR@10"][per_item["MRR@10"] < 1 / 10.5] = 0.0
    notes = []
    without = len(qrels) - len(ids) + sum(q not in qrels for q in run)
    if without:
        notes.append(f"queries without a relevant document, left out: {without}")
    unanswered = len(ids) - len(answered)
    if unanswered:
        notes.append(f"queries without an answer, counted as 0: {unanswered} of {len(ids)}")
    return Result(
        task, system, "query", ids, per_item, tuple(measures), MEAN, tuple(notes),
        {q: dict(docs) for q, docs in run.items()}, seed,
    )  # fmt: skip


def evaluate_retrieval(
    encoder: Any, data: RetrievalData, k: int = DEPTH, *, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """Encode queries and documents, search exactly (dot product), measure the k best of a query.

    Args:
        encoder: whatever `encode_function` takes; the role is "query" or "document". Documents are
            encoded 65,536 at a time, the vectors of the whole corpus are never held.
        data: corpus, queries and qrels. Queries without a relevant document are not searched.
        k: depth of the run, at least 100.

    Raises InputError: vectors that are not finite or all the same, no queries, k < 100.
    """
    if k < DEPTH:
        raise InputError(f"k is {k}; expected at least {DEPTH}, as Recall@100 looks that deep")
    if not data.corpus:
        raise InputError("the corpus has no documents; expected at least one")
    encode = encode_function(encoder, show_progress)
    asked = answerable(data)
    doc_ids = list(data.corpus)
    vectors = vectors_of(encode, list(asked.values()), "query", list(asked), "query", system)
    blocks = _document_blocks(encode, data.corpus, doc_ids, system)
    scores, indices = top_k(vectors, blocks, k)
    run = {
        q: {doc_ids[j]: s for j, s in zip(found, values, strict=True)}
        for q, found, values in zip(asked, indices.tolist(), scores.tolist(), strict=True)
    }
    qrels = {q: data.qrels.get(q, {}) for q in data.queries}
    return evaluate_run(run, qrels, system=system, seed=seed)


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
            "differ (the model has collapsed)"
        )


def _check_ids(table: Mapping[str, Mapping[str, float]], what: str) -> None:
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
            if not math.isfinite(score):
                raise InputError(
                    f"run: query {q!r}, document {d!r} has score {score}; expected a number"
                )
