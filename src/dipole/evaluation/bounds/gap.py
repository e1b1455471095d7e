"""The gap between training and test loss of linear features, and how it grows with negatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.bounds.theorems import Bound


def linear_gap_bound(
    anchors: Any,
    positives: Any,
    negatives: Any,
    norm: float,
    dim: int,
    *,
    delta: float = 0.05,
    gap: float = math.nan,
) -> Bound:
    """How far test loss can lie above training loss for f(x) = U x, |U|_F <= norm, U (dim, p).

        loss of a tuple: log(1 + sum_j exp(-v_j)),   v_j = f(x).(f(x+) - f(x-_j)),   j = 1..k

    Two bounds, each with probability 1 - delta / 2, the smaller one is `value`:

        norms       2 sqrt(2) norm^2 / n sqrt( sum_ij |x_i|^2 |x+_i - x-_ij|^2 )
                    + 3 B sqrt( log(4 / delta) / (2 n) )
        parameters  B sqrt( (dim p log(1 + 2 norm / e) + log(2 / delta)) / (2 n) ) + 8 norm R^2 e

    B = log(1 + k exp(2 norm^2 R^2)) is the largest loss, R the largest |x|, e = 1 / (8 norm R^2 n).
    The first grows as sqrt(k), the second only through log k: that the gap need not grow with the
    number of negatives is the point of the paper. Its own bound has both virtues at once, with
    constants that are not restated here; these two are derived with all constants (docs).
    (Lei et al. 2023, arXiv 2302.12383; vector contraction: Maurer 2016; norms: |A|_F.)

    Args: anchors, positives (n, p), negatives (n, k, p): independent tuples; gap: test minus
    training loss, if measured. Trivial: B, which no gap exceeds.
    """
    x, near, far = (np.asarray(v, dtype=np.float64) for v in (anchors, positives, negatives))
    if x.ndim != 2 or near.shape != x.shape or far.ndim != 3 or far.shape[::2] != x.shape:
        raise InputError(
            f"bound: anchors {x.shape}, positives {near.shape}, negatives {far.shape}; "
            "expected (n, p), (n, p), (n, k, p)"
        )
    for name, value in (("anchors", x), ("positives", near), ("negatives", far)):
        if value.size == 0 or not np.isfinite(value).all():
            raise InputError(f"bound: {name} are empty or not finite")
    if not (norm > 0 and dim >= 1 and 0 < delta < 1):
        raise InputError(
            f"bound: norm {norm}, dim {dim}, delta {delta}; expected norm > 0, dim >= 1, "
            "0 < delta < 1"
        )
    n, p = x.shape
    k = far.shape[1]
    radius = max(float(np.linalg.norm(v, axis=-1).max()) for v in (x, near, far))
    largest = float(np.logaddexp(0, math.log(k) + 2 * norm**2 * radius**2))
    squares = (x**2).sum(1) * ((near[:, None] - far) ** 2).sum((1, 2))
    by_norms = 2 * math.sqrt(2) * norm**2 / n * math.sqrt(squares.sum())
    by_norms += 3 * largest * math.sqrt(math.log(4 / delta) / (2 * n))
    step = 1 / (8 * norm * radius**2 * n) if radius > 0 else 1.0
    balls = dim * p * math.log1p(2 * norm / step)
    by_parameters = largest * math.sqrt((balls + math.log(2 / delta)) / (2 * n))
    by_parameters += 8 * norm * radius**2 * step
    return Bound(
        theorem="gap of linear features (after Lei et al. 2023)",
        measured=float(gap),
        value=min(by_norms, by_parameters),
        trivial=largest,
        assumptions=(
            "the tuples are independent of each other (no in-batch negatives)",
            "the features are linear and their norm was fixed before looking at the data",
            "no vector to come is longer than the longest given one (true of normalised ones)",
            f"with probability {1 - delta:g} over the training tuples",
        ),
        parts={"by norms": by_norms, "by parameters": by_parameters, "largest loss": largest},
    )


class Growth(NamedTuple):
    """How gaps grow with k: the residuals of both laws and the gap's growth from first to last k.

    logarithmic, square_root: (intercept, slope). The smaller residual is the better law.
    """

    logarithmic: tuple[float, float]
    square_root: tuple[float, float]
    log_residual: float
    sqrt_residual: float
    ratio: float


def gap_growth(negatives: Sequence[int], gaps: Sequence[float]) -> Growth:
    """Fits gap = a + b log k and gap = a + c sqrt(k) by least squares; residuals are RMS.

    >>> found = gap_growth([1, 4, 16, 64], [0.1, 0.2, 0.3, 0.4])
    >>> found.log_residual < 1e-12 < found.sqrt_residual
    True
    """
    k, y = np.asarray(negatives, dtype=np.float64), np.asarray(gaps, dtype=np.float64)
    if k.shape != y.shape or k.ndim != 1 or len(np.unique(k)) < 3 or k.min() < 1:
        raise InputError(
            f"gap growth: {k.shape} numbers of negatives, {y.shape} gaps; expected one gap for "
            "each of at least 3 numbers from 1"
        )
    if not np.isfinite(y).all():
        raise InputError("gap growth: a gap is not finite")
    fits = []
    for shape in (np.log(k), np.sqrt(k)):
        design = np.column_stack([np.ones_like(k), shape])
        solution = np.linalg.lstsq(design, y, rcond=None)[0]
        residual = float(np.sqrt(np.mean((design @ solution - y) ** 2)))
        fits.append(((float(solution[0]), float(solution[1])), residual))
    first, last = y[k.argmin()], y[k.argmax()]
    ratio = float(last / first) if first else math.nan
    return Growth(fits[0][0], fits[1][0], fits[0][1], fits[1][1], ratio)
