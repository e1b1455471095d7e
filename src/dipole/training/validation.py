"""Validation during training: one number per visit, higher is better."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np

from dipole.data import Examples, Labeled, Pairs, Ranked, Scored, Triplets, content_key
from dipole.data.bundles import Bundles
from dipole.errors import InputError

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

# The most examples among which a visit looks for neighbours.
KNOWN = 20_000
# Fields whose texts hold rows together.
TOGETHER = ("anchor", "positive", "first", "second", "input", "query")

Validation = tuple[str, Callable[["Encoder"], float]]


def can_be_measured(examples: Examples) -> bool:
    """Whether there is a measure for examples of this kind."""
    return isinstance(examples, Pairs | Triplets | Scored | Labeled)


def make_validation(examples: Examples, training: Examples | None = None) -> Validation:
    """The name of the measure that fits `examples`, and the function that takes it.

    Pairs: MRR@10 of finding one of each anchor's positives among all positives, as `evaluate`
    measures it. Scored: Spearman.
    Labeled: accuracy of the vote of the 20 nearest of `training` by cosine.
    """
    if isinstance(examples, Pairs | Triplets):
        from dipole.data.retrieval import retrieval_from_pairs
        from dipole.evaluation.tasks.retrieval import evaluate_retrieval

        data = retrieval_from_pairs(examples)
        return "MRR@10", lambda encoder: evaluate_retrieval(encoder, data).value("MRR@10")
    if isinstance(examples, Bundles):
        return f"MRR@10 from {next(iter(examples.FIELDS))}", lambda encoder: _mrr(examples, encoder)
    if isinstance(examples, Scored):
        return "Spearman", lambda encoder: _spearman(examples, encoder)
    if isinstance(examples, Labeled) and isinstance(training, Labeled):
        return "kNN accuracy", lambda encoder: _neighbours(examples, training, encoder)
    raise InputError(
        f"validation: {type(examples).__name__}; expected pairs, scored pairs or labelled inputs"
    )


def _mrr(examples: Bundles, encoder: Encoder) -> float:
    """MRR@10 of finding a row's own from its first column, the mean over the other columns."""
    from dipole.training.batches import role_of

    first, *others = (
        encoder.encode(examples.column(field), role_of(field, encoder)) for field in examples.FIELDS
    )
    found = []
    for other in others:
        for start in range(0, len(first), 1024):
            scores = first[start : start + 1024] @ other.T
            own = np.take_along_axis(scores, np.arange(start, start + len(scores))[:, None], 1)
            rank = (scores > own).sum(1)
            found.append(np.where(rank < 10, 1 / (rank + 1), 0))
    return float(np.concatenate(found).mean())


def hold_out(
    examples: Examples, fraction: float, part: Literal["validation", "test"] = "validation"
) -> tuple[Examples, Examples]:
    """(training, `part`): about `fraction` of the rows, no text on both sides.

    Rows that share a text hang together (anchor or positive, first or second, input, query or a
    candidate of the highest relevance; not listed negatives), directly or through others: what is
    held out are whole components of this graph. They are chosen by content hash, so the choice
    needs no seed: a validation takes the lowest, a test the highest, so that what was chosen by
    one is never measured on it by the other. One with more rows than twice the fraction, or than
    half of all, is always trained on.

    Raises InputError: too few rows hang together little enough, or a side is empty.
    """
    labels, sizes = _components(examples)
    n = len(examples)
    small = sizes <= min(max(2 * fraction * n, 10), max(n / 2, 1))
    choosable = int(sizes[small].sum())
    if 2 * choosable < fraction * n:
        raise InputError(
            f"{part}: {fraction} of {n:,} rows cannot be held out: {sizes.max():,} rows hang "
            "together by texts they share, and no text may be on both sides; expected a file of "
            f"its own (--{part} FILE), a split or a smaller fraction"
        )
    wanted = ("positive", "second", "input", "query", *list(examples.FIELDS)[1:])
    field = next(f for f in wanted if f in examples.FIELDS)
    key = np.full(len(sizes), np.iinfo(np.uint64).max)
    np.minimum.at(key, labels, examples.keys(field))
    # The hashes are not spread evenly enough to compare with a threshold: multiply, take the top.
    place = (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(11)).astype(np.float64) / 2.0**53
    if part == "test":
        place = 1 - place
    held = (small & (place < fraction * n / choosable))[labels]
    if held.all() or not held.any():
        raise InputError(
            f"{part}: {fraction} of {len(examples)} rows leaves one side empty; "
            "expected a larger file or another fraction"
        )
    return examples.select(np.flatnonzero(~held)), examples.select(np.flatnonzero(held))


def _components(examples: Examples) -> tuple[np.ndarray, np.ndarray]:
    """The component of every row, (n,), and the rows of each."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(examples)
    fields = list(examples.FIELDS) if isinstance(examples, Bundles) else TOGETHER
    fields = [f for f in fields if f in examples.FIELDS]
    keys = [examples.keys(field) for field in fields]
    rows = [np.arange(n)] * len(fields)
    if isinstance(examples, Ranked):
        best = [
            (row, content_key(text))
            for row, (texts, relevance) in enumerate(
                zip(examples.column("candidates"), examples.column("relevance"), strict=True)
            )
            for text, worth in zip(texts, relevance, strict=True)
            if worth == max(relevance)
        ]
        rows.append(np.array([row for row, _ in best], dtype=np.int64))
        keys.append(np.array([key for _, key in best], dtype=np.uint64))
    texts = np.unique(np.concatenate(keys), return_inverse=True)[1]
    ends = np.concatenate(rows), n + texts
    size = n + int(texts.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(texts), dtype=bool), ends), shape=(size, size))
    labels = connected_components(graph, directed=False)[1][:n]
    return labels, np.bincount(labels)


def _spearman(examples: Scored, encoder: Encoder) -> float:
    from dipole.evaluation.tasks.sts import evaluate_sts

    return evaluate_sts(encoder, examples).value("Spearman")


def _neighbours(examples: Labeled, known: Labeled, encoder: Encoder) -> float:
    from dipole.evaluation.tasks.neighbours import NEIGHBOURS, evaluate_knn

    # Neighbours from all over the training examples, as many as a visit has time for.
    rows = np.linspace(0, len(known) - 1, min(len(known), KNOWN)).astype(np.int64)
    neighbours = min(NEIGHBOURS, len(rows))
    return evaluate_knn(encoder, known.select(rows), examples, neighbours).value("accuracy")
