"""The bootstrap underneath every interval: drawn weights, estimates, quantiles of their law.

Everything is stated through weights: a resample of n items is a row of n counts. A statistic is
prepared once for its values and then maps blocks of such rows to estimates, so one pass serves all
metrics of a task, nothing is copied per resample, and memory is bounded by the block.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dipole.errors import InputError

Estimate = Callable[[np.ndarray], np.ndarray]
# Numbers in one block of weights: 2 million float64 = 16 MB.
BLOCK = 2_000_000
# Above this many items the acceleration comes from leaving out groups instead of single items.
JACKKNIFE_GROUPS = 1000


@dataclass(frozen=True)
class Resampled:
    """One metric: its estimate, the estimates of the resamples, and BCa's two corrections.

    bias and acceleration are nan where the data give no interval (all values equal, one item).
    """

    point: float
    draws: np.ndarray
    bias: float
    acceleration: float

    def ends(self, level: float) -> tuple[float, float]:
        """The interval of this level, (nan, nan) where there is none.

        [G^-1(a((1 - level) / 2)), G^-1(a((1 + level) / 2))],   G: distribution of the draws
        a(p) = Phi(z0 + (z0 + z_p) / (1 - acceleration (z0 + z_p)))
        """
        from scipy.special import ndtr, ndtri

        if not np.isfinite(self.bias):
            return float("nan"), float("nan")
        z = self.bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
        # Beyond its pole the map would turn around: there the quantile is the last one.
        room = np.maximum(1 - self.acceleration * z, 1e-200)
        low, high = np.quantile(self.draws, ndtr(self.bias + z / room))
        return float(low), float(high)


def resample(
    estimate: Estimate,
    n: int,
    resamples: int,
    seed: int,
    clusters: Sequence[Hashable] | None = None,
) -> list[Resampled]:
    """The bootstrap of each metric of an estimate over n items, or over the items' clusters."""
    rows = n
    if clusters is not None:
        estimate, n = _by_cluster(estimate, n, clusters)
    draws = np.concatenate([estimate(w) for w in resamples_of(n, resamples, seed, rows)])
    point = estimate(np.ones((1, n)))[0]
    jackknife = _jackknife(estimate, n, rows)
    return [_prepare(float(p), draws[:, m], jackknife[:, m]) for m, p in enumerate(point)]


def resamples_of(
    n: int, resamples: int, seed: int, width: int | None = None
) -> Iterator[np.ndarray]:
    """Blocks (b, n) of how often each of n items was drawn in n draws with replacement.

    width: numbers per row that the caller makes of a block, where they are more than n.
    """
    rng = np.random.default_rng(seed)
    block = max(1, BLOCK // max(n, width or n))
    for start in range(0, resamples, block):
        b = min(block, resamples - start)
        drawn = rng.integers(0, n, (b, n))
        drawn += np.arange(b)[:, None] * n
        yield np.bincount(drawn.ravel(), minlength=b * n).reshape(b, n).astype(np.float64)


def cluster_numbers(clusters: Sequence[Hashable], n: int) -> tuple[np.ndarray, int]:
    """The clusters of n items as numbers from 0, in the order of appearance, and how many."""
    if len(clusters) != n:
        raise InputError(f"clusters: found {len(clusters)} for {n} items; expected one per item")
    numbers: dict[Hashable, int] = {}
    which = np.fromiter((numbers.setdefault(c, len(numbers)) for c in clusters), np.int64, n)
    return which, len(numbers)


def _by_cluster(estimate: Estimate, n: int, clusters: Sequence[Hashable]) -> tuple[Estimate, int]:
    """The estimate under weights of clusters: their items come and go together."""
    which, count = cluster_numbers(clusters, n)
    return lambda weights: estimate(weights[:, which]), count


def _jackknife(estimate: Estimate, n: int, rows: int) -> np.ndarray:
    """The estimates without each item; without each of 1,000 interleaved groups of many items."""
    groups = min(n, JACKKNIFE_GROUPS)
    if groups < 2:
        return estimate(np.ones((1, n)))
    block = max(1, BLOCK // max(n, rows))
    estimates = []
    for start in range(0, groups, block):
        out = np.arange(start, min(start + block, groups))
        estimates.append(estimate((np.arange(n) % groups != out[:, None]).astype(np.float64)))
    return np.concatenate(estimates)


def _prepare(point: float, draws: np.ndarray, jackknife: np.ndarray) -> Resampled:
    from scipy.special import ndtri

    # A resample may have no statistic (a constant column has no correlation); it says nothing.
    draws = draws[np.isfinite(draws)]
    jackknife = jackknife[np.isfinite(jackknife)]
    spread = jackknife.mean() - jackknife if len(jackknife) else np.zeros(1)
    scale = np.abs(spread).max()
    # Rounding alone leaves differences of this size between equal values.
    if len(draws) < 2 or np.ptp(draws) <= 1e-13 * abs(point) or scale <= 1e-14 * abs(point):
        return Resampled(point, draws, float("nan"), float("nan"))
    spread = spread / scale  # its cube must not underflow
    acceleration = (spread**3).sum() / (6 * (spread**2).sum() ** 1.5)
    bias = ndtri(((draws < point).mean() + (draws <= point).mean()) / 2)
    if not np.isfinite(bias):
        bias = float("nan")
    return Resampled(point, draws, float(bias), float(acceleration))
