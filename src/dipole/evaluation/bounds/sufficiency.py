"""How much an encoder of one view keeps of what it says about the other: the sufficiency gap."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.bounds.theorems import Bound
from dipole.evaluation.statistics.resampling import cluster_numbers


def mutual_information(joint: Any) -> float:
    """I(a; b) in nats of a table of joint probabilities (or counts), (a, b).

    >>> round(mutual_information(np.eye(2)), 6)  # log 2
    0.693147
    """
    p = _table(joint)
    i, j = np.nonzero(p)
    apart = np.log(p.sum(1)[i]) + np.log(p.sum(0)[j])
    return float((p[i, j] * (np.log(p[i, j]) - apart)).sum())


def sufficiency_gap(joint: Any, codes: Sequence[Hashable]) -> float:
    """Suff(f) = I(z1; z2) - I(f(z1); z2) in nats: what f loses of the other view; 0 is nothing.

    joint (a, b): table of p(z1, z2); codes (a,): f of every state of z1; equal codes are one.
    (Lin and Mei 2025, arXiv 2503.17538, the KL case.)

    >>> sufficiency_gap([[0.2, 0.1], [0.4, 0.2], [0.0, 0.1]], ["a", "a", "b"]) < 1e-15
    True
    """
    p = _table(joint)
    which, count = cluster_numbers(list(codes), len(p))
    merged = np.zeros((count, p.shape[1]))
    np.add.at(merged, which, p)
    return max(0.0, mutual_information(p) - mutual_information(merged))


def contrastive_information(scores: Any) -> tuple[float, float]:
    """InfoNCE's lower bound on I(z1; z2), of held-out scores, and its ceiling log K, in nats.

        I >= log K - mean_i [ log sum_j exp s_ij - s_ii ]

    scores (n, K), K >= n: row i against K candidates of which the i-th is its own; already divided
    by the temperature. The bound never passes log K, however much information there is: a value
    near the ceiling says only "at least so much". (van den Oord et al. 2018, arXiv 1807.03748.)
    """
    s = np.asarray(scores, dtype=np.float64)
    if s.ndim != 2 or s.size == 0 or s.shape[0] > s.shape[1]:
        raise InputError(f"information: scores have shape {s.shape}; expected (n, K) with K >= n")
    if not np.isfinite(s).all():
        raise InputError("information: scores hold values that are not finite")
    ceiling = math.log(s.shape[1])
    loss = np.logaddexp.reduce(s, axis=1) - np.diag(s)
    return ceiling - float(loss.mean()), ceiling


def sufficiency_bound(
    gap: float, *, mismatch: float = 0.0, majority: float = 0.5, measured: float = math.nan
) -> Bound:
    """A small sufficiency gap bounds what a classifier on f loses against one on the whole view.

        error(best on f(z1)) - error(best on z1) <= sqrt(2 Suff(f)) + 2 mismatch

    For a label that is a function of the other view z2, up to `mismatch`, the share of views whose
    label is not that of their example. Proof: with p = p(y | z1) and q = p(y | f(z1)) the best
    guess by q errs at most |p - q|_1 more than that by p; E |p - q|_1 <= sqrt(2 E KL(p || q)) by
    Pinsker and Jensen; E KL(p || q) = I(y; z1 | f) <= I(z2; z1 | f) = Suff(f). In log loss the
    excess is at most Suff(f) itself.
    (The idea of Lin and Mei 2025, arXiv 2503.17538; constants by this proof.)

    Args: gap: Suff(f) in nats, exact (`sufficiency_gap`) or an estimate; measured: the excess
    error, if known; majority: share of the most frequent class. Trivial: 1 - majority, the error
    of who always guesses it. An estimate as the difference of two `contrastive_information` is one
    of two lower bounds: indicative only.

    >>> sufficiency_bound(0.02).value
    0.2
    """
    if not (gap >= 0 and 0 <= mismatch <= 1 and 0 < majority < 1):
        raise InputError(
            f"bound: gap {gap}, mismatch {mismatch}, majority {majority}; expected gap >= 0, "
            "mismatch in [0, 1], majority in (0, 1)"
        )
    return Bound(
        theorem="excess error by the sufficiency gap (after Lin and Mei 2025)",
        measured=float(measured),
        value=math.sqrt(2 * gap) + 2 * mismatch,
        trivial=1 - majority,
        assumptions=(
            "the label is a function of the other view, up to the mismatch",
            "the gap is exact: an estimate from InfoNCE is a difference of two lower bounds",
            "the best classifier on the features, not the one that was trained",
        ),
        parts={"Suff(f), nats": float(gap), "excess log loss at most, nats": float(gap)},
    )


def _table(joint: Any) -> np.ndarray:
    p = np.asarray(joint, dtype=np.float64)
    if p.ndim != 2 or p.size == 0 or not np.isfinite(p).all() or p.min() < 0 or not p.sum() > 0:
        raise InputError(
            f"joint table: found shape {p.shape}; expected (a, b) with probabilities or counts"
        )
    return p / p.sum()
