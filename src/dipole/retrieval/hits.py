"""What a search finds: rankings of one query fused, ordered anew, and shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dipole.data.inputs import check_text
from dipole.errors import InputError
from dipole.retrieval.fusion import weighted_fusion

# How deep the rankings go that are fused or ordered anew, at least.
DEPTH = 100
# What is read of a document that was found; a ranking is {document id: score}.
Row = dict[str, Any]
Ranking = dict[str, float]


@dataclass(frozen=True)
class Hit:
    """A document found: rank from 1, and its score (cosine, or what the fusion gives)."""

    rank: int
    score: float
    id: str
    text: str
    metadata: Mapping[str, Any]


def check_query(text: Any, hybrid: bool, rerank: Any) -> None:
    if isinstance(text, np.ndarray):
        if hybrid or rerank is not None:
            what = "hybrid search" if hybrid else "reranking"
            raise InputError(f"the query is an array, without words; expected no {what}")
        if not text.size or not np.isfinite(text).all():
            raise InputError("the query is an array with gaps; expected finite numbers")
        return
    check_text(text, "the query")
    if not text.strip():
        raise InputError("the query is empty; expected some text")


def hits_of(
    text: Any,
    dense: list[Row],
    lexical: list[Row],
    k: int,
    weight: float | None,
    rerank: Any,
) -> list[Hit]:
    """The best of a query's rankings by meaning and by words; weight: of the first, None alone."""
    found = {row["id"]: row for row in [*lexical, *dense]}
    ranking = scores_of(dense)
    if weight is not None:
        runs = [{"": ranking}, {"": scores_of(lexical)}]
        ranking = weighted_fusion(runs, [weight, 1 - weight], floors=[None, 0.0])[""]
    best = sorted(ranking, key=lambda i: (-ranking[i], i))
    if rerank is not None and best:
        depth = max(k, DEPTH)
        ranking = _judged(rerank, text, {i: found[i]["text"] for i in best[:depth]})
        best = sorted(ranking, key=lambda i: (-ranking[i], i))
    return [
        Hit(rank, ranking[i], i, found[i]["text"], json.loads(found[i]["metadata"]))
        for rank, i in enumerate(best[:k], start=1)
    ]


def _judged(judge: Any, query: str, texts: Mapping[str, str]) -> Ranking:
    """What a model that reads two texts together says of a query and each document, by its id."""
    scores = np.asarray(judge.score([query] * len(texts), list(texts.values())), dtype=np.float64)
    if scores.shape != (len(texts),):
        raise InputError(
            f"rerank: found scores of shape {scores.shape} for {len(texts)} documents; expected a "
            "number for each"
        )
    return dict(zip(texts, scores.tolist(), strict=True))


def scores_of(rows: list[Row]) -> Ranking:
    """The ranking of rows that were found."""
    return {row["id"]: row["score"] for row in rows}
