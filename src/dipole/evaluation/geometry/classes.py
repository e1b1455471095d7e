"""Vectors with labels: tolerance inside the classes, and how far the classes have collapsed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import unit
from dipole.evaluation.geometry.space import ROWS


@dataclass(frozen=True)
class Classes:
    """What one pass over unit vectors with labels finds."""

    counts: np.ndarray  # (k,)
    sums: np.ndarray  # (k, d)
    gram: np.ndarray  # (d, d), sum of x x^T

    @classmethod
    def of(cls, vectors: np.ndarray, labels: Any) -> Classes:
        """Of vectors (n, d), normalised, and one label each."""
        labels = np.asarray(labels)
        if labels.shape != (len(vectors),):
            raise InputError(
                f"geometry: labels have shape {labels.shape}; expected ({len(vectors)},)"
            )
        names, which = np.unique(labels, return_inverse=True)
        d = vectors.shape[1]
        sums, gram = np.zeros((len(names), d)), np.zeros((d, d))
        for start in range(0, len(vectors), ROWS):
            part = slice(start, start + ROWS)
            x = unit(np.asarray(vectors[part], np.float64))
            np.add.at(sums, which[part], x)
            gram += x.T @ x
        return cls(np.bincount(which).astype(np.float64), sums, gram)


def tolerance(classes: Classes) -> tuple[float, float]:
    """Mean cosine of two different vectors of one class, and the same over all pairs (raw).

        T = mean_{i != j, y_i = y_j} x_i . x_j,   raw = T x share of pairs with one label

    High tolerance keeps what belongs together close; a small temperature costs it. Exact for any n.
    nan where no class has two. (Wang and Liu 2021, arXiv 2012.09740, whose T is the raw one.)
    """
    n = classes.counts.sum()
    same = (classes.counts * (classes.counts - 1)).sum()
    total = (classes.sums**2).sum() - np.trace(classes.gram)
    if not same:
        return math.nan, 0.0
    return float(total / same), float(total / (n * (n - 1)))


@dataclass(frozen=True)
class Collapse:
    """How near the classes are to points (NC1) at equal distances and angles (NC2).

    within: trace(Sigma_W pinv(Sigma_B)) / k, 0 where each class is a point. norm_spread: standard
    deviation of the norms of the centred class means by their mean. cosine_mean, cosine_std: of the
    cosines between centred class means; a simplex has -1 / (k - 1) and 0. to_simplex, to_frame:
    distance of the class means' Gram matrix from that of a simplex (centred) and of an orthogonal
    frame (not centred), both of norm 1: 0 is there.
    """

    classes: int
    within: float
    norm_spread: float
    cosine_mean: float
    cosine_std: float
    to_simplex: float
    to_frame: float


def neural_collapse(classes: Classes) -> Collapse:
    """Neural collapse of unit vectors: within-class scatter and the angles of class means.

        mu_c: class means,  mu: their mean (each class counts once),
        Sigma_W = 1/n sum_i (x_i - mu_{y_i})(x_i - mu_{y_i})^T,
        Sigma_B = 1/k sum_c (mu_c - mu)(mu_c - mu)^T,
        to_frame = | M^T M / |M^T M| - I / |I| |_F,  to_simplex: (mu_c - mu) against I - 1 1^T / k

    A class of one vector has no scatter and makes NC1 look better.
    (Papyan, Han, Donoho, PNAS 2020; frames under ReLU: Kini et al. 2024, arXiv 2306.07960.)

    Raises InputError for fewer than two classes.
    """
    k = len(classes.counts)
    if k < 2:
        raise InputError(f"neural collapse: found {k} class; expected at least 2")
    means = classes.sums / classes.counts[:, None]
    centred = means - means.mean(0)
    scatter = classes.gram - (classes.sums.T / classes.counts) @ classes.sums
    gram = centred @ centred.T
    norms = np.sqrt(np.diag(gram))
    if norms.max() <= 1e-12:  # the class means are one point: no angles
        return Collapse(k, math.inf if np.trace(scatter) > 0 else math.nan, *[math.nan] * 5)
    # pinv(C^T C / k) = k U s^-2 U^T with C = V s U^T: never a d x d inverse.
    _, s, directions = np.linalg.svd(centred, full_matrices=False)
    kept = s > max(centred.shape) * np.finfo(float).eps * s[0]
    u = directions[kept]
    within = ((u @ scatter) * u / s[kept, None] ** 2).sum() / classes.counts.sum()
    apart = ~np.eye(k, dtype=bool)
    away = norms > 0
    cosines = gram[np.ix_(away, away)] / np.outer(norms[away], norms[away])
    angles = cosines[apart[np.ix_(away, away)]]
    return Collapse(
        classes=k,
        within=max(0.0, float(within)),
        norm_spread=float(norms.std() / norms.mean()),
        cosine_mean=float(angles.mean()) if len(angles) else math.nan,
        cosine_std=float(angles.std()) if len(angles) else math.nan,
        to_simplex=_distance(gram, np.eye(k) - 1 / k),
        to_frame=_distance(means @ means.T, np.eye(k)),
    )


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.linalg.norm(first / np.linalg.norm(first) - second / np.linalg.norm(second)))
