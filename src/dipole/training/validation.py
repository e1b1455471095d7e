"""Validation during training: one number per visit, higher is better."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from dipole.data import Examples, Pairs, Scored, Triplets
from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

Validation = tuple[str, Callable[["Encoder"], float]]


def make_validation(examples: Examples) -> Validation:
    """The name of the measure that fits `examples`, and the function that takes it.

    Pairs: MRR@10 of finding each anchor's positive among all positives. Scored: Spearman.
    """
    if isinstance(examples, Pairs | Triplets):
        return "MRR@10", lambda encoder: _retrieval(examples, encoder)
    if isinstance(examples, Scored):
        return "Spearman", lambda encoder: _spearman(examples, encoder)
    raise InputError(f"validation: {type(examples).__name__}; expected pairs or scored pairs")


def hold_out(examples: Examples, fraction: float) -> tuple[Examples, Examples]:
    """(training, validation): `fraction` of the texts of the positive side, and all their rows.

    Chosen by content hash, so a text is never on both sides and the choice needs no seed.
    """
    field = "positive" if "positive" in examples.FIELDS else "second"
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
