"""Retrieval with an encoder that gives a vector for each token, by exact MaxSim."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.encoders.reading import gives_tokens
from dipole.errors import InputError
from dipole.evaluation.result import Result
from dipole.evaluation.tasks import retrieval, sparse_search
from dipole.evaluation.tasks.own_documents import queries_that_are_documents
from dipole.kernels.topk_maxsim import top_k_maxsim

if TYPE_CHECKING:
    from dipole.data import RetrievalData
    from dipole.data.memory import Table

# Documents that are encoded at a time: of 180 tokens and 128 numbers 190 MB.
ROWS = 2048


def evaluate_retrieval(
    encoder: Any, data: RetrievalData | Table, k: int | None = None, *,
    at: Sequence[int] | None = None, measures: Sequence[str] | None = None,
    ignore_identical_ids: bool | None = None, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """`retrieval.evaluate_retrieval`; an encoder with `encode_tokens` is searched by MaxSim, one
    with `encode_sparse` by sparse products."""
    if not gives_tokens(encoder):
        return sparse_search.evaluate_retrieval(
            encoder, data, k, at=at, measures=measures, ignore_identical_ids=ignore_identical_ids,
            system=system, seed=seed, show_progress=show_progress,
        )  # fmt: skip
    known = retrieval._given(data)
    wanted, depth = retrieval._planned(known, k, at, measures)
    asked = retrieval.answerable(known)
    same = queries_that_are_documents(known, ignore_identical_ids)
    doc_ids = list(known.corpus)
    scores, indices = search_tokens(
        encoder, asked, known.corpus, depth + bool(same), system, show_progress
    )
    run = {
        q: {doc_ids[j]: s for j, s in zip(found, values, strict=True)}
        for q, found, values in zip(asked, indices.tolist(), scores.tolist(), strict=True)
    }
    return retrieval._result(run, known, wanted, depth, same, system, seed)


def search_tokens(
    encoder: Any, queries: Mapping[str, str], corpus: Mapping[str, str], k: int, system: str,
    show_progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Scores and places of the k best documents for every query, as `top_k` gives them.

    Documents are encoded 2,048 at a time.

    Raises InputError: vectors that are not finite, or the same for all tokens.
    """

    def encode(texts: list[str], ids: list[str], role: str) -> list[np.ndarray]:
        found = encoder.encode_tokens(texts, role, show_progress=show_progress)
        for identity, vectors in zip(ids, found, strict=True):
            if not np.isfinite(vectors).all():
                raise InputError(
                    f"{system}: a vector of {role} {identity!r} is not finite; expected numbers"
                )
        return list(found)

    def blocks() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        ids, texts = list(corpus), list(corpus.values())
        first, differ = None, len(ids) == 1
        for start in range(0, len(ids), ROWS):
            part = slice(start, start + ROWS)
            found = encode(texts[part], ids[part], "document")
            tokens = np.concatenate(found)
            first = tokens[0] if first is None else first
            differ = differ or bool((np.abs(tokens - first) > 1e-6).any())
            yield tokens, np.cumsum([0, *map(len, found)])
        if not differ:
            raise InputError(
                f"{system}: all tokens of {len(ids)} documents have the same vector; expected "
                "vectors that differ (the model has collapsed)"
            )

    asked = encode(list(queries.values()), list(queries), "query")
    return top_k_maxsim(asked, blocks(), k)
