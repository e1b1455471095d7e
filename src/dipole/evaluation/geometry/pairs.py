"""Positives beside random pairs: alignment, similarities and their threshold, gap, length."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dipole.errors import InputError, optional
from dipole.evaluation.encoding import unit
from dipole.evaluation.geometry.space import ROWS, sample

BINS = 100
RANDOM_PAIRS = 100_000
# Of each side, for a linear classifier between the two.
GAP_ROWS = 5000
FOLDS = 5


def alignment(first: np.ndarray, second: np.ndarray, alpha: float = 2.0) -> float:
    """How close positives lie: mean_i ||x_i - y_i||^alpha of unit vectors, 0 is the best.

    Shapes: (n, d) both, row i and row i a pair. (Wang and Isola 2020, arXiv 2005.10242.)

    >>> alignment(np.eye(2), np.eye(2)[::-1])
    2.0000000000000004
    """
    total = 0.0
    for x, y in _together(first, second):
        total += (np.linalg.norm(x - y, axis=1) ** alpha).sum()
    return float(total / len(first))


def pair_cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """cos(x_i, y_i), (n,)."""
    return np.concatenate([(x * y).sum(1) for x, y in _together(first, second)])


def random_pairs(n: int, count: int = RANDOM_PAIRS, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`count` pairs i != j of n rows, drawn with replacement; all of them where there are fewer."""
    if n * (n - 1) <= count:
        i, j = np.nonzero(~np.eye(n, dtype=bool))
        return i, j
    rng = np.random.default_rng(seed)
    i = rng.integers(0, n, count)
    return i, (i + rng.integers(1, n, count)) % n


@dataclass(frozen=True)
class Threshold:
    """A cosine above which two things count as the same, and what it does.

    value: the smallest threshold that at most `share` of the random pairs reach. recall: share of
    the positives that reach it. equal_error: share of errors where as many random pairs reach a
    threshold as positives miss it, and `equal_error_at` that threshold. overlap: common area of
    the two densities, 0 apart and 1 alike.
    """

    value: float
    share: float
    recall: float
    equal_error: float
    equal_error_at: float
    overlap: float


def threshold(positive: np.ndarray, random: np.ndarray, share: float = 0.05) -> Threshold:
    """The threshold that cosines of positive and of random pairs imply.

        t = min { t : P(random >= t) <= share }
        OVL = sum over 100 bins of [-1, 1] of min(f(x), g(x)) dx

    (A rule for a new domain: "A Compass for Navigating the World of Sentence Embeddings for the
    Telecom Domain", 2024; it leaves the rule to its reader, this is the reading chosen here.)

    >>> threshold(np.array([0.8, 0.9, 0.2]), np.linspace(0, 0.5, 100)).recall
    0.6666666666666666
    """
    for name, cosines in (("positive", positive), ("random", random)):
        if len(cosines) == 0 or not np.isfinite(cosines).all():
            raise InputError(f"threshold: {name} cosines are empty or not finite")
    if not 0 < share < 1:
        raise InputError(f"threshold: share is {share}; expected a number between 0 and 1")
    positive, random = np.sort(positive), np.sort(random)
    reach = int(share * len(random))  # so many random pairs may reach it
    at = float(np.nextafter(random[len(random) - reach - 1], np.inf))
    edges = np.linspace(-1, 1, BINS + 1)
    f, g = (np.histogram(np.clip(c, -1, 1), edges)[0] / len(c) for c in (positive, random))
    # The two errors cross at one of the observed cosines.
    candidates = np.union1d(positive, random)
    misses = np.searchsorted(positive, candidates) / len(positive)
    alarms = 1 - np.searchsorted(random, candidates) / len(random)
    cross = int(np.abs(misses - alarms).argmin())
    return Threshold(
        value=at,
        share=share,
        recall=float((positive >= at).mean()),
        equal_error=float((misses[cross] + alarms[cross]) / 2),
        equal_error_at=float(candidates[cross]),
        overlap=float(np.minimum(f, g).sum()),
    )


def centroid_distance(first: np.ndarray, second: np.ndarray) -> float:
    """|mean x - mean y| of unit vectors: 0 where the two sides have one centre, at most 2."""
    centres = []
    for side in (first, second):
        total = np.zeros(side.shape[1])
        for start in range(0, len(side), ROWS):
            total += unit(np.asarray(side[start : start + ROWS], np.float64)).sum(0)
        centres.append(total / len(side))
    return float(np.linalg.norm(centres[0] - centres[1]))


def separability(first: np.ndarray, second: np.ndarray, *, seed: int = 0) -> float:
    """Accuracy of a linear classifier that tells the two sides apart: 1 apart, 0.5 one cloud.

    Logistic regression on standardised unit vectors, 5-fold cross-validation, as many of each side
    (at most 5,000). Row i of both sides is in the same fold: else the partner of a pair, nearly
    the same vector with the other answer, would push one cloud below 0.5. nan for fewer than 10 of
    a side. (A modality gap: Fahim et al. 2024, arXiv 2405.18570.)
    """
    size = min(len(first), len(second), GAP_ROWS)
    if size < 2 * FOLDS:
        return math.nan
    linear = optional("sklearn.linear_model", "measure")
    model_selection = optional("sklearn.model_selection", "measure")
    pipeline = optional("sklearn.pipeline", "measure")
    preprocessing = optional("sklearn.preprocessing", "measure")
    sides = [np.asarray(s[sample(len(s), size, seed)], np.float64) for s in (first, second)]
    vectors, side = unit(np.concatenate(sides)), np.repeat([0, 1], size)
    model = pipeline.make_pipeline(
        preprocessing.StandardScaler(), linear.LogisticRegression(max_iter=1000)
    )
    folds = model_selection.KFold(FOLDS, shuffle=True, random_state=seed).split(np.arange(size))
    both = [tuple(np.r_[rows, rows + size] for rows in fold) for fold in folds]
    return float(model_selection.cross_val_score(model, vectors, side, cv=both).mean())


def length_bias(vectors: np.ndarray, lengths: np.ndarray, *, seed: int = 0) -> dict[str, float]:
    """Does the length of a text show in its vector? Three rank correlations (Spearman), 0 if not.

    norm: of length with the vector's norm; centre: with its cosine to the mean direction; pairs: of
    the difference of two lengths with the cosine of random pairs (below 0: texts of one length look
    alike). nan where lengths or the other side do not differ.
    """
    lengths = np.asarray(lengths, dtype=np.float64)
    if lengths.shape != (len(vectors),) or not np.isfinite(lengths).all():
        raise InputError(
            f"length bias: lengths have shape {lengths.shape} for {len(vectors)} vectors; "
            "expected one finite number per vector"
        )
    chosen = sample(len(vectors), RANDOM_PAIRS, seed)
    raw = np.asarray(vectors[chosen], np.float64)
    size, x = lengths[chosen], unit(raw)
    i, j = random_pairs(len(x), seed=seed)
    return {
        "norm": _spearman(size, np.linalg.norm(raw, axis=1)),
        "centre": _spearman(size, x @ x.mean(0)),
        "pairs": _spearman(np.abs(size[i] - size[j]), cosines_of(x, i, x, j)),
    }


def cosines_of(x: np.ndarray, i: np.ndarray, y: np.ndarray, j: np.ndarray) -> np.ndarray:
    """cos(x_i, y_j) for lists of row numbers, a block at a time."""
    found = np.empty(len(i))
    for start in range(0, len(i), ROWS):
        part = slice(start, start + ROWS)
        a, b = (unit(np.asarray(v[k[part]], np.float64)) for v, k in ((x, i), (y, j)))
        found[part] = (a * b).sum(1)
    return found


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    from scipy.stats import spearmanr

    # Norms of unit vectors differ by rounding.
    if np.ptp(a) == 0 or np.ptp(b) <= 1e-6 * np.abs(b).max():
        return math.nan
    return float(spearmanr(a, b).statistic)


def _together(first: np.ndarray, second: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Blocks of both as unit vectors."""
    if first.shape != second.shape:
        raise InputError(
            f"geometry: pairs have shapes {first.shape} and {second.shape}; expected the same"
        )
    for start in range(0, len(first), ROWS):
        part = slice(start, start + ROWS)
        yield unit(np.asarray(first[part], np.float64)), unit(np.asarray(second[part], np.float64))
