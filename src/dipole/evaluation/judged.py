"""Tasks of a model that reads two texts together: its scores in the place of dot products.

The tasks compare vectors, and take whatever gives some. So a judge is asked first, and its scores
are handed on as the vectors of which they are the dot products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import Encode
from dipole.progress import counting

if TYPE_CHECKING:
    from dipole.data import Ranked, Scored

# What a first text is called, whose partners have numbers.
FIRST = "first"
# Pairs that are scored at a time.
BLOCK = 4096


def is_judge(encoder: Any) -> bool:
    """Whether a model scores pairs, `score(first, second)`, and encodes nothing."""
    if getattr(encoder, "reads_pairs", False):
        return True
    return hasattr(encoder, "score") and not hasattr(encoder, "encode")


def as_vectors(judge: Any, data: Any, task: str, show_progress: bool = False) -> tuple[Encode, Any]:
    """What encodes, and examples of names that it knows: dot products are the judge's scores.

    Of lists these are as they come; of pairs they are divided by the largest, which leaves their
    order and correlations as they were and makes cosines of them.

    Raises InputError: data that are neither lists nor pairs with a score.
    """
    from dipole.data import Ranked, Scored

    if isinstance(data, Ranked):
        return _of_lists(judge, data, show_progress)
    if isinstance(data, Scored):
        return _of_pairs(judge, data, show_progress)
    raise InputError(
        f"{task}: found a model that scores two texts, which has no vectors; expected "
        "--task reranking, sts or pair-classification, or an encoder"
    )


def _of_lists(judge: Any, data: Ranked, show_progress: bool) -> tuple[Encode, Ranked]:
    """The vector of a query is 1, that of a candidate its score."""
    columns = [data.column(name) for name in ("query", "candidates", "relevance")]
    pairs = [(query, text) for query, texts in zip(*columns[:2], strict=True) for text in texts]
    scores = _scores(judge, pairs, show_progress)
    names = [f"{place}" for place in range(len(pairs))]
    lists, start = [], 0
    for texts in columns[1]:
        lists.append(names[start : start + len(texts)])
        start += len(texts)
    named = {"query": list(columns[0]), "candidates": lists, "relevance": list(columns[2])}

    def encode(inputs: Sequence[Any], role: str) -> np.ndarray:
        if role == "query":
            return np.ones((len(inputs), 1))
        return scores[[int(name) for name in inputs]][:, None]

    return encode, type(data).from_columns(named, ids=data.ids, origin=data.origin)


def _of_pairs(judge: Any, data: Scored, show_progress: bool) -> tuple[Encode, Scored]:
    """The vector of a first text is (1, 0); with that of its second the cosine p is the score."""
    pairs = list(zip(data.column("first"), data.column("second"), strict=True))
    scores = _scores(judge, pairs, show_progress)
    p = scores / (np.abs(scores).max(initial=0) or 1.0)
    names = [f"{place}" for place in range(len(pairs))]
    named = {"first": [FIRST] * len(pairs), "second": names, "score": list(data.column("score"))}
    vectors = np.stack([p, np.sqrt((1 - p) * (1 + p))], axis=1)

    def encode(inputs: Sequence[Any], role: str) -> np.ndarray:
        axis = np.array([1.0, 0.0])
        return np.stack([axis if name == FIRST else vectors[int(name)] for name in inputs])

    return encode, type(data).from_columns(named, ids=data.ids, origin=data.origin)


def _scores(judge: Any, pairs: Sequence[tuple[Any, Any]], show_progress: bool) -> np.ndarray:
    """One number per pair, (n,) float64."""
    score: Callable[..., Any] = judge.score
    found = np.empty(len(pairs))
    with counting("scoring", len(pairs), show_progress) as advance:
        for start in range(0, len(pairs), BLOCK):
            part = pairs[start : start + BLOCK]
            scores = np.asarray(score([a for a, _ in part], [b for _, b in part]))
            if scores.shape != (len(part),):
                raise InputError(
                    f"score: found shape {scores.shape} for {len(part)} pairs; expected a number "
                    "for each"
                )
            found[start : start + len(part)] = scores
            advance(len(part))
    return found
