"""How much meaning and words count in a hybrid search, chosen by queries with known answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from dipole.data.rows import shown
from dipole.errors import InputError
from dipole.evaluation.result import Result
from dipole.evaluation.tasks.retrieval import evaluate_run
from dipole.retrieval import store
from dipole.retrieval import table as lance
from dipole.retrieval.fusion import Run, weighted_fusion
from dipole.retrieval.index import WEIGHT, Index

# Shares of the ranking by meaning that are tried.
GRID = tuple(round(step / 20, 2) for step in range(21))
# Queries: half of them choose, the others judge.
LEAST = 20
MEASURES = ("nDCG", "MRR")


@dataclass(frozen=True)
class Weighed:
    """A weight, how many queries chose it, and what four searches find for the other queries:
    `semantic`, `keywords`, `hybrid, 0.75` and `hybrid, tuned`."""

    weight: float
    chosen_on: int
    results: Mapping[str, Result]


def weigh(
    index: Index,
    queries: Mapping[str, Collection[str]],
    *,
    measure: str = "nDCG@10",
    seed: int = 0,
) -> Weighed:
    """Choose the weight of a hybrid search by queries whose documents are known.

    Half of the queries, drawn by `seed`, choose the weight of the highest `measure` among 0, 0.05,
    ..., 1; the other half measure how well it works. `index.keep_weight` keeps it.

    Args:
        queries: a query -> the ids of the documents that answer it.
        measure: nDCG@10 or MRR@10.

    Raises:
        InputError: fewer than 20 queries, or a document that the index does not have.
    """
    if measure not in (known := [f"{name}@10" for name in MEASURES]):
        raise InputError(f"measure: found {measure!r}; expected {' or '.join(known)}")
    if len(queries) < LEAST:
        raise InputError(
            f"queries: found {len(queries)}; expected {LEAST} or more: half to choose the weight, "
            "half to test it"
        )
    _check_documents(index, queries)
    texts = list(queries)
    order = np.random.default_rng(seed).permutation(len(texts))
    chosen = {texts[i] for i in order[: len(texts) // 2]}
    found = dict(zip(texts, index.rankings(texts), strict=True))
    grades = {text: dict.fromkeys(ids, 1) for text, ids in queries.items()}

    def measured(weight: float, choosing: bool, name: str) -> Result:
        asked = [text for text in texts if (text in chosen) == choosing]
        dense, lexical = ({text: found[text][side] for text in asked} for side in (0, 1))
        fused: Run = {}
        if weight == 0:
            fused = lexical
        elif weight == 1:
            fused = dense
        else:
            fused = weighted_fusion([dense, lexical], [weight, 1 - weight], floors=[None, 0.0])
        of = {text: grades[text] for text in asked}
        return evaluate_run(fused, of, at=[10], measures=MEASURES, system=name, seed=seed)

    # Of weights that are as good, the one nearest to the usual.
    best = max(
        GRID, key=lambda w: (round(measured(w, True, "").value(measure), 9), -abs(w - WEIGHT))
    )
    searches = {
        "semantic": 1.0, "keywords": 0.0, f"hybrid, {WEIGHT:g}": WEIGHT, "hybrid, tuned": best,
    }  # fmt: skip
    results = {name: measured(weight, False, name) for name, weight in searches.items()}
    return Weighed(best, len(chosen), results)


def _check_documents(index: Index, queries: Mapping[str, Collection[str]]) -> None:
    ids = {i: text for text, answers in queries.items() for i in answers}
    state = store.read_state(index.folder)
    there = set(lance.known(lance.open_version(index.folder, state.version), list(ids)))
    for i, text in ids.items():
        if i not in there:
            raise InputError(
                f"queries: {shown(text)} is answered by document {shown(i)}, which {index.folder} "
                "does not have; expected ids of its documents"
            )
