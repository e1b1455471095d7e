"""Retrieval with any encoder: by one vector, by sparse vectors, by a vector for each token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dipole.encoders.reading import gives_tokens
from dipole.evaluation.encoding import is_sparse
from dipole.evaluation.result import Result
from dipole.evaluation.tasks import retrieval
from dipole.evaluation.tasks.own_documents import queries_that_are_documents
from dipole.evaluation.tasks.sparse_search import search_sparse
from dipole.evaluation.tasks.token_search import search_tokens

if TYPE_CHECKING:
    from dipole.data import RetrievalData
    from dipole.data.memory import Table


def evaluate_retrieval(
    encoder: Any, data: RetrievalData | Table, k: int | None = None, *,
    at: Sequence[int] | None = None, measures: Sequence[str] | None = None,
    ignore_identical_ids: bool | None = None, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """`retrieval.evaluate_retrieval`; an encoder with `encode_tokens` is searched by MaxSim, one
    with `encode_sparse` by sparse products, which give the same scores."""
    if gives_tokens(encoder):
        search = search_tokens
    elif is_sparse(encoder):
        search = search_sparse
    else:
        return retrieval.evaluate_retrieval(
            encoder, data, k, at=at, measures=measures, ignore_identical_ids=ignore_identical_ids,
            system=system, seed=seed, show_progress=show_progress,
        )  # fmt: skip
    known = retrieval._given(data)
    wanted, depth = retrieval._planned(known, k, at, measures)
    asked = retrieval.answerable(known)
    same = queries_that_are_documents(known, ignore_identical_ids)
    doc_ids = list(known.corpus)
    scores, indices = search(
        encoder, asked, known.corpus, depth + bool(same), system, show_progress
    )
    run = {
        q: {doc_ids[j]: s for j, s in zip(found, values, strict=True)}
        for q, found, values in zip(asked, indices.tolist(), scores.tolist(), strict=True)
    }
    return retrieval._result(run, known, wanted, depth, same, system, seed)
