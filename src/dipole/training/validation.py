"""Validation during training: one number per visit, higher is better."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from dipole.data import Examples, Labeled, Pairs, Scored, Triplets
from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

# The most examples among which a visit looks for neighbours.
KNOWN = 20_000

Validation = tuple[str, Callable[["Encoder"], float]]


def make_validation(examples: Examples, training: Examples | None = None) -> Validation:
    """The name of the measure that fits `examples`, and the function that takes it.

    Pairs: MRR@10 of finding each anchor's positive among all positives. Scored: Spearman.
    Labeled: accuracy of the vote of the 20 nearest of `training` by cosine.
    """
    if isinstance(examples, Pairs | Triplets):
        return "MRR@10", lambda encoder: _retrieval(examples, encoder)
    if isinstance(examples, Scored):
        return "Spearman", lambda encoder: _spearman(examples, encoder)
    if isinstance(examples, Labeled) and isinstance(training, Labeled):
        return "kNN accuracy", lambda encoder: _neighbours(examples, training, encoder)
    raise InputError(
        f"validation: {type(examples).__name__}; expected pairs, scored pairs or labelled inputs"
    )


def hold_out(examples: Examples, fraction: float) -> tuple[Examples, Examples]:
    """(training, validation): `fraction` of the inputs (of the positive side), all their rows.

    Chosen by content hash, so a text is never on both sides and the choice needs no seed.
    """
    field = next(f for f in ("positive", "second", "input", "query") if f in examples.FIELDS)
    # The hashes are not spread evenly enough to compare with a threshold: multiply, take the top.
    spread = examples.keys(field) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(11)
    held = spread.astype(np.float64) / 2.0**53 < fraction
    if held.all() or not held.any():
        raise InputError(
            f"validation: {fraction} of {len(examples)} rows leaves one side empty; "
            "expected a larger file or another fraction"
        )
    return examples.select(np.flatnonzero(~held)), examples.select(np.flatnonzero(held))


def _retrieval(examples: Pairs | Triplets, encoder: Encoder) -> float:
    from dipole.data import RetrievalData
    from dipole.evaluation.retrieval import evaluate_retrieval

    keys = [str(key) for key in examples.keys("positive")]
    queries = dict(zip(examples.ids, examples.column("anchor"), strict=True))
    corpus = dict(zip(keys, examples.column("positive"), strict=True))
    qrels = {query: {key: 1} for query, key in zip(examples.ids, keys, strict=True)}
    data = RetrievalData(corpus=corpus, queries=queries, qrels=qrels)
    return evaluate_retrieval(encoder, data).value("MRR@10")


def _spearman(examples: Scored, encoder: Encoder) -> float:
    from dipole.evaluation.sts import evaluate_sts

    return evaluate_sts(encoder, examples).value("Spearman")


def _neighbours(examples: Labeled, known: Labeled, encoder: Encoder) -> float:
    from dipole.evaluation.neighbours import NEIGHBOURS, evaluate_knn

    # Neighbours from all over the training examples, as many as a visit has time for.
    rows = np.linspace(0, len(known) - 1, min(len(known), KNOWN)).astype(np.int64)
    neighbours = min(NEIGHBOURS, len(rows))
    return evaluate_knn(encoder, known.select(rows), examples, neighbours).value("accuracy")
