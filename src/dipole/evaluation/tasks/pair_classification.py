"""Pair classification: does a cosine tell the pairs that belong together from the others?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import given
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import Estimate, Statistic
from dipole.evaluation.tasks.sts import pair_cosines

if TYPE_CHECKING:
    from dipole.data import Scored
    from dipole.data.memory import Table

METRICS = ("AP", "accuracy", "F1")


def evaluate_pair_classification(
    encoder: Any, data: Scored | Table, *, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """Average precision of the cosine, and accuracy and F1 at a threshold.

    The scores of `data` have two values; the larger one says that a pair belongs together. The
    threshold of a pair is the best one (for accuracy, for F1) of the other half of the pairs: two
    halves with the same share of each kind, by the seed. So no pair has a say in how it is
    judged; thresholds that are the best on the very pairs they are measured on (MTEB's) look
    better than they are. Kept for every pair: label, cosine, right (at the threshold for
    accuracy), predicted (at that for F1).

    Raises InputError: scores that do not have two values, fewer than 2 pairs of a kind, vectors
    that are not finite, cosines that are all the same.
    """
    rows: Scored = given(data, "pair classification", "Scored")
    n = len(rows)
    scores = np.fromiter(rows.column("score"), np.float64, n)
    values = np.unique(scores)
    if len(values) != 2:
        raise InputError(
            f"pair classification: the scores of {n} pairs have {len(values)} different values; "
            "expected two (1 for a pair that belongs together, 0 for others)"
        )
    label = scores == values[1]
    fewest = int(min(label.sum(), n - label.sum()))
    if fewest < 2:
        raise InputError(
            "pair classification: found 1 pair of a kind; expected at least 2, one to find a "
            "threshold and one to judge"
        )
    cosine = pair_cosines(encoder, rows, system, show_progress)
    if np.ptp(cosine) <= 1e-7 * np.abs(cosine).max():
        raise InputError(f"{system}: all {n} cosines are the same; expected some that differ")
    half = _halves(label, seed)
    right, predicted = np.empty(n), np.empty(n)
    thresholds = []
    for one in (0, 1):
        judged, other = half == one, half != one
        for_accuracy = best_threshold(cosine[other], label[other], "accuracy")
        for_f1 = best_threshold(cosine[other], label[other], "F1")
        right[judged] = (cosine[judged] > for_accuracy) == label[judged]
        predicted[judged] = cosine[judged] > for_f1
        thresholds.append(f"{for_accuracy:.3f}, {for_f1:.3f}")
    note = (
        "thresholds (accuracy, F1) of each half of the pairs, chosen on the other half: "
        + " and ".join(thresholds)
    )
    columns = {"label": label * 1.0, "cosine": cosine, "right": right, "predicted": predicted}
    return Result(
        "pair-classification", system, "pair", rows.ids, columns, METRICS, PAIRS, (note,), seed=seed
    )


def best_threshold(scores: np.ndarray, label: np.ndarray, metric: str) -> float:
    """The threshold above which "belongs together" has the best accuracy or F1.

    In the middle between two neighbouring scores; the largest of equally good ones; inf where it is
    best to call nothing so, -inf where everything.

    >>> best_threshold(np.array([0.9, 0.8, 0.3]), np.array([True, True, False]), "accuracy")
    0.55
    """
    order = np.argsort(-scores, kind="stable")
    scores, label = scores[order], label[order]
    last = np.flatnonzero(np.append(scores[1:] < scores[:-1], True))  # of equal scores
    above = np.append(0, last + 1)
    hits = np.append(0, label.cumsum()[last])
    if metric == "accuracy":
        good = hits + (len(label) - above) - (label.sum() - hits)
    else:
        good = 2 * hits / (above + label.sum())
    best = int(good.argmax())
    if best == 0:
        return np.inf
    if best == len(last):
        return -np.inf
    # Of two neighbouring floats the middle is one of them: the lower one keeps them apart.
    lower, upper = scores[above[best]], scores[above[best] - 1]
    middle = (lower + upper) / 2
    return float(middle if lower < middle < upper else lower)


def average_precision(values: np.ndarray) -> Estimate:
    """AP = sum_k (R_k - R_{k-1}) P_k over the different scores, the largest first, by weights.

    Columns: label (0 or 1), score. As scikit-learn's average_precision_score: pairs of equal score
    come in together. nan where no positive has weight.
    """
    label, score = values[:, 0], values[:, 1]
    order = np.argsort(-score, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(score[order]) < 0))

    def estimate(weights: np.ndarray) -> np.ndarray:
        held = np.take(weights, order, axis=1)
        hits = np.add.reduceat(held * label[order], starts, axis=1)
        seen = np.add.reduceat(held, starts, axis=1).cumsum(1)
        precision = np.divide(hits.cumsum(1), seen, out=np.zeros_like(seen), where=seen > 0)
        total = hits.sum(1)
        ap = np.einsum("bk,bk->b", hits, precision)
        return np.divide(ap, total, out=np.full(len(ap), np.nan), where=total > 0)

    return estimate


def _moments(values: np.ndarray) -> np.ndarray:
    label, _, right, predicted = values.T
    return np.stack([right, label * predicted, label + predicted], axis=1)


def _of_sums(sums: np.ndarray, n: Any) -> np.ndarray:
    """AP is no function of sums over pairs: an exchange of pairs does not test it here."""
    right, hits, size = sums.T
    f1 = np.divide(2 * hits, size, out=np.zeros_like(size), where=size > 0)
    return np.stack([np.full(len(sums), np.nan), right / n, f1], axis=1)


def _estimate(values: np.ndarray) -> Estimate:
    ap, moments = average_precision(values), _moments(values)

    def estimate(weights: np.ndarray) -> np.ndarray:
        found = _of_sums(weights @ moments, weights.sum(1))
        found[:, 0] = ap(weights)
        return found

    return estimate


PAIRS = Statistic(_estimate, _moments, _of_sums)


def _halves(label: np.ndarray, seed: int) -> np.ndarray:
    """0 or 1 for each pair; each kind is halved, as far as its number is even."""
    half = np.empty(len(label), dtype=np.int64)
    rng = np.random.default_rng(seed)
    for offset, kind in enumerate((True, False)):
        rows = rng.permutation(np.flatnonzero(label == kind))
        half[rows] = (np.arange(len(rows)) + offset) % 2
    return half
