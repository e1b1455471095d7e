"""Fusing runs: several rankings of the same documents made into one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from dipole.errors import InputError

# A run, as TREC means it: query id -> {document id: score}.
Run = dict[str, dict[str, float]]
Normalisation = Literal["minmax", "zscore"]


def reciprocal_rank_fusion(
    runs: Sequence[Run], weights: Sequence[float] | None = None, *, k: float = 60.0
) -> Run:
    """Sum over the runs of weight / (k + rank), rank counted from 1.

        score(d) = sum_r w_r / (k + rank_r(d)),    w_r = 1 by default

    It looks at ranks alone, so it needs no scores that compare and nothing tuned; what it loses is
    by how much a document leads. Documents a run does not list add nothing. Equal scores rank by
    document id.

    Args:
        runs: at least one; a query may be missing in some.
        weights: one non-negative number per run, not all 0.
        k: how flat the top is; 60 is the value of the paper, where results hardly depended on it.

    Source:
        Cormack, Clarke, Buettcher, "Reciprocal rank fusion outperforms Condorcet and individual
        rank learning methods", SIGIR 2009.

    Example:
        >>> reciprocal_rank_fusion([{"q": {"a": 9.0, "b": 1.0}}, {"q": {"b": 0.3}}])
        {'q': {'b': 0.03252247488101534, 'a': 0.01639344262295082}}
    """
    if not k >= 0:
        raise InputError(f"reciprocal_rank_fusion: k is {k}; expected 0 or more")
    parts = _weights(runs, weights)

    def ranks(scores: dict[str, float]) -> _Normalised:
        return {d: 1.0 / (k + rank) for rank, d in enumerate(_ranked(scores), start=1)}, 0.0

    return _fuse(runs, parts, [ranks] * len(runs))


def weighted_fusion(
    runs: Sequence[Run],
    weights: Sequence[float] | None = None,
    *,
    normalise: Normalisation = "minmax",
    floors: Sequence[float | None] | None = None,
) -> Run:
    """A convex combination of the runs' scores, each normalised per query.

        score(d) = sum_r w_r norm_r(d) / sum_r w_r
        minmax:  norm = (s - min) / (max - min)        zscore:  norm = (s - mean) / deviation

    Minimum, maximum, mean and deviation are those of the scores the run lists for the query. A
    document that a run does not list counts as its lowest there; a run whose scores are all equal
    says nothing (0 for each). It keeps by how much a document leads, and with a tuned weight beats
    reciprocal rank fusion, in the source below and on stdlib-code (docs/search.md).

    Args:
        runs: at least one; a query may be missing in some.
        weights: one non-negative number per run, not all 0; equal by default.
        normalise: "minmax" (a bounded score, the default) or "zscore" (an outlier at the top
            pushes the others together less).
        floors: for "minmax", the lowest score there can be in each run, taken for the minimum of
            the list; None where it is not known. BM25's is 0: the one document that has a word of
            the query then counts 1, and one that has none 0.

    Source:
        Bruch, Gai, Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023.

    Example:
        >>> dense, lexical = {"q": {"a": 0.9, "b": 0.5}}, {"q": {"b": 12.0, "c": 2.0}}
        >>> weighted_fusion([dense, lexical], [0.75, 0.25])
        {'q': {'a': 0.75, 'b': 0.25, 'c': 0.0}}
    """
    if normalise not in ("minmax", "zscore"):
        raise InputError(
            f"weighted_fusion: normalise is {normalise!r}; expected 'minmax' or 'zscore'"
        )
    if floors is not None and (normalise != "minmax" or len(floors) != len(runs)):
        raise InputError(
            f"weighted_fusion: found {len(floors)} floors for {len(runs)} runs and {normalise}; "
            "expected as many, and minmax"
        )
    parts = _weights(runs, weights)
    total = math.fsum(parts)
    kinds = [
        _zscore if normalise == "zscore" else partial(_minmax, floor=floor)
        for floor in floors or [None] * len(runs)
    ]
    return _fuse(runs, [w / total for w in parts], kinds)


# A ranking normalised: (values by document, value of a document that is not listed).
_Normalised = tuple[dict[str, float], float]


def _fuse(
    runs: Sequence[Run],
    weights: Sequence[float],
    normalised: Sequence[Callable[[dict[str, float]], _Normalised]],
) -> Run:
    """Weighted sums of what each run's `normalised` makes of its rankings."""
    fused: Run = {}
    for query in dict.fromkeys(query for run in runs for query in run):
        parts = []
        for run, weight, normalise in zip(runs, weights, normalised, strict=True):
            scores = run.get(query, {})
            _check_finite(query, scores)
            if scores and weight > 0:
                parts.append((weight, *normalise(scores)))
        documents = dict.fromkeys(d for run in runs for d in run.get(query, {}))
        sums = {d: math.fsum(w * values.get(d, low) for w, values, low in parts) for d in documents}
        fused[query] = {d: sums[d] for d in _ranked(sums)}
    return fused


def _minmax(scores: dict[str, float], floor: float | None) -> _Normalised:
    low, high = min(scores.values()), max(scores.values())
    if floor is not None:
        low = min(floor, low)
    span = high - low
    return {d: (s - low) / span if span > 0 else 0.0 for d, s in scores.items()}, 0.0


def _zscore(scores: dict[str, float]) -> _Normalised:
    mean = math.fsum(scores.values()) / len(scores)
    deviation = math.sqrt(math.fsum((s - mean) ** 2 for s in scores.values()) / len(scores))
    # Equal scores: their mean may round to something else, so the deviation alone cannot tell.
    if deviation == 0 or min(scores.values()) == max(scores.values()):
        return dict.fromkeys(scores, 0.0), 0.0
    values = {d: (s - mean) / deviation for d, s in scores.items()}
    return values, min(values.values())


def _ranked(scores: dict[str, float]) -> list[str]:
    """Documents from the highest score down, equal ones by their id."""
    return sorted(scores, key=lambda d: (-scores[d], d))


def _weights(runs: Sequence[Run], weights: Sequence[float] | None) -> list[float]:
    if not runs:
        raise InputError("fusion: found no run; expected at least one")
    if weights is None:
        return [1.0] * len(runs)
    found = [float(w) for w in weights]
    if len(found) != len(runs):
        raise InputError(f"fusion: found {len(found)} weights for {len(runs)} runs")
    if not all(w >= 0 and math.isfinite(w) for w in found) or not any(found):
        raise InputError(f"fusion: weights are {found}; expected numbers from 0 up, not all 0")
    return found


def _check_finite(query: str, scores: dict[str, float]) -> None:
    for document, score in scores.items():
        if not math.isfinite(score):
            raise InputError(
                f"fusion: query {query!r}, document {document!r}: score is {score}; "
                "expected a finite number"
            )
