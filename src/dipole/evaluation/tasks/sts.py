"""Semantic textual similarity: do the cosines of pairs follow the scores people gave them?"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.encoding import Encode, encode_function, finite, given, unit
from dipole.evaluation.result import Result
from dipole.evaluation.statistics.intervals import Estimate, Statistic

if TYPE_CHECKING:
    from dipole.data import Scored
    from dipole.data.memory import Table

METRICS = ("Spearman", "Pearson")
# Pairs encoded at a time.
ROWS = 65_536


def evaluate_sts(
    encoder: Any, data: Scored | Table, *, system: str = "encoder", seed: int = 0,
    show_progress: bool = False,
) -> Result:  # fmt: skip
    """Correlation of the cosine of each pair with its score: Spearman (the main one) and Pearson.

    Both texts are encoded in the role "query", as models with prompts want it for symmetric tasks.
    A vector of length zero has cosine 0 with everything. Intervals are bootstrapped over pairs:
    every resample is ranked anew.

    Args:
        encoder: whatever `encode_function` takes.

    Raises InputError: fewer than two pairs, vectors that are not finite, scores or cosines that are
    all the same (no correlation exists).
    """
    rows: Scored = given(data, "STS", "Scored")
    n = len(rows)
    if n < 2:
        raise InputError(
            f"sts: found {n} pair{'s'[: n != 1]}; expected at least 2, else there is no correlation"
        )
    ids = rows.ids
    gold = np.fromiter(rows.column("score"), np.float64, n)
    cosine = pair_cosines(encoder, rows, system, show_progress)
    for column, what in ((gold, "scores"), (cosine, f"cosines of {system}")):
        # Cosines of equal vectors differ by rounding.
        if np.ptp(column) <= 1e-7 * np.abs(column).max():
            raise InputError(f"sts: all {n} {what} are the same; expected some that differ")
    return Result(
        "sts", system, "pair", ids, {"score": gold, "cosine": cosine}, METRICS, CORRELATIONS,
        seed=seed,
    )  # fmt: skip


def pair_cosines(
    encoder: Any, data: Scored, system: str, show_progress: bool = False
) -> np.ndarray:
    """The cosine of the two texts of each pair, (n,) float64; both in the role "query"."""
    encode = encode_function(encoder, show_progress)
    ids, n = data.ids, len(data)
    first, second = data.column("first"), data.column("second")
    cosine = np.empty(n)
    for start in range(0, n, ROWS):
        rows = slice(start, start + ROWS)
        a, b = (
            unit(_texts_of(encode, column[rows], ids[rows], system)) for column in (first, second)
        )
        cosine[rows] = np.einsum("nd,nd->n", a, b)
    return cosine


def _texts_of(encode: Encode, texts: list[str], ids: list[str], system: str) -> np.ndarray:
    # An id names two texts here, so stored vectors are looked up by text.
    return finite(encode(texts, "query"), ids, "pair", system).astype(np.float64)


def correlations(values: np.ndarray) -> Estimate:
    """Spearman and Pearson of two columns under rows of weights: (n, 2) -> ((b, n) -> (b, 2)).

        r = sum w (x - mx)(y - my) / sqrt(sum w (x - mx)^2  sum w (y - my)^2)

    Weights are how often a pair was drawn: the result is that of the resample written out, ranked
    anew, with middle ranks for ties. nan where a column is constant in the resample.
    """
    centred = values - values.mean(0)
    x, y = (centred / np.abs(centred).max(0)).T
    moments = np.stack([x, y, x * x, y * y, x * y], axis=1)
    ranks_x, ranks_y = _ranks(x), _ranks(y)

    def estimate(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(1)
        mx, my, mxx, myy, mxy = (weights @ moments).T / total
        pearson = _ratio(mxy - mx * my, mxx - mx * mx, myy - my * my, 1.0)
        rx, xx = ranks_x(weights)
        ry, yy = ranks_y(weights)
        rx *= weights
        xy = np.einsum("bi,bi->b", rx, ry)
        return np.stack([_ratio(xy, xx, yy, total**3), pearson], axis=1)

    return estimate


def _ranks(x: np.ndarray) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Weights (b, n) -> middle rank of each item, less the mean rank, and the sum of squares."""
    levels, level = np.unique(x, return_inverse=True)
    order = np.argsort(level, kind="stable")
    starts = np.searchsorted(level[order], np.arange(len(levels)))

    def ranks(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        held = np.take(weights, order, axis=1)
        if len(levels) < len(x):
            held = np.add.reduceat(held, starts, axis=1)
        middle = held.cumsum(1)
        # Without the 1/2 of ranks that start at 1: the mean middle rank is then half the total.
        middle -= held / 2
        middle -= weights.sum(1, keepdims=True) / 2
        return np.take(middle, level, axis=1), np.einsum("bl,bl,bl->b", held, middle, middle)

    return ranks


def _ratio(xy: np.ndarray, xx: np.ndarray, yy: np.ndarray, size: Any) -> np.ndarray:
    """xy / sqrt(xx yy), nan where a column is constant up to what rounding leaves."""
    defined = (xx > 1e-14 * size) & (yy > 1e-14 * size)
    return np.divide(xy, np.sqrt(xx * yy, where=defined, out=np.ones_like(xx)),
        out=np.full(len(xy), np.nan), where=defined)  # fmt: skip


def _moments(values: np.ndarray) -> np.ndarray:
    """Per pair: z, z^2 and z g of the standardised ranks, then of the standardised values.

    Two systems' cosines may have different scales, so they are exchanged standardised.
    """
    from scipy.stats import rankdata

    columns = []
    for one in (rankdata(values, axis=0), values):
        g, z = ((one - one.mean(0)) / one.std(0)).T
        columns += [z, z * z, z * g]
    return np.stack(columns, axis=1)


def _of_sums(sums: np.ndarray, n: int) -> np.ndarray:
    """Both correlations; g has mean 0 and variance 1, whatever was exchanged."""
    mean, square, product = sums[:, 0::3] / n, sums[:, 1::3] / n, sums[:, 2::3] / n
    variance = square - mean**2
    # Of very few pairs an exchange can leave a constant column, which correlates with nothing.
    varies = variance > 1e-14
    return np.divide(
        product,
        np.sqrt(variance, where=varies, out=np.ones_like(product)),
        out=np.zeros_like(product),
        where=varies,
    )


CORRELATIONS = Statistic(correlations, _moments, _of_sums)
