"""Several seeds as a level of their own: intervals and tests that cover new seeds and new items.

Every seed is one training; all of them are measured on the same items. An interval over items alone
says nothing about the next training, and a bootstrap over two to five seeds is far too narrow, so
the items are drawn again and the seeds go through Student's t:

    low  = v - sqrt( (v - l)^2 + (t_{S-1} s / sqrt(S))^2 )
    high = v + sqrt( (u - v)^2 + (t_{S-1} s / sqrt(S))^2 )

v: mean over S seeds; [l, u]: its BCa interval over the items, seeds held fixed; s: standard
deviation of the seeds' values. (Two sources of error, one interval each: Graybill and Wang, JASA
75, 1980; with unequal arms Zou and Donner, Statistics in Medicine 27, 2008.) s holds a share of the
noise of items that [l, u] holds too: where seeds hardly matter the interval is somewhat too wide.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.statistics.intervals import MEAN, RESAMPLES, Statistic, check, exchange
from dipole.evaluation.statistics.resampling import Estimate, Resampled, resample


class NestedInterval(NamedTuple):
    """A mean over seeds and its interval; `low` and `high` are nan where there is none.

    per_seed: the value of each seed. seed_error: s / sqrt(S), nan for one seed. items: 0 where each
    seed gave a single number. covers: what may change for the interval still to hold.
    """

    value: float
    low: float
    high: float
    per_seed: tuple[float, ...]
    seed_error: float
    items: int

    @property
    def covers(self) -> str:
        """What the interval speaks of: "new items", "new seeds" or both."""
        over = ["new seeds"] * (len(self.per_seed) > 1) + ["new items"] * (self.items > 0)
        return " and ".join(over) or "nothing"


class NestedTest(NamedTuple):
    """First minus second, seed by seed on the same items, and its two-sided p-value."""

    difference: NestedInterval
    p: float


def nested_interval(
    values: np.ndarray,
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NestedInterval:
    """The mean of (seeds, items) values with an interval for new seeds and new items.

    One seed, (1, n): the BCa interval over items, which does not speak of new seeds. One number per
    seed, (S,): Student's t over the seeds; so give the means where every seed has its own items.

    >>> nested_interval(np.array([0.50, 0.54, 0.52])).value
    0.52
    """
    table = _table(values)
    metric = _nested([_seed(row) for row in table], MEAN, clusters, level, resamples, seed)[0]
    return metric.interval(level)


def nested_intervals(
    values: Sequence[np.ndarray],
    statistic: Statistic,
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[NestedInterval]:
    """Intervals of all metrics of a statistic; one (n, c) array per seed, equal items."""
    found = _nested(values, statistic, clusters, level, resamples, seed)
    return [metric.interval(level) for metric in found]


def nested_test(
    first: np.ndarray,
    second: np.ndarray,
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> NestedTest:
    """Do two systems differ, for new seeds and new items? Values (seeds, items) or (seeds,).

    Row s of both is the same seed, column i the same item: what they share cancels. p is the level
    at which the interval of the difference begins to hold 0; for one seed it is the permutation
    test's, for one number per seed that of the paired t-test.

    >>> test = nested_test(np.array([0.50, 0.54, 0.52]), np.array([0.40, 0.45, 0.41]))
    >>> round(test.difference.value, 3), round(test.p, 4)
    (0.1, 0.0033)
    """
    a, b = _table(first), _table(second)
    if a.shape != b.shape:
        raise InputError(
            f"nested test: found {np.shape(first)} and {np.shape(second)}; expected the same seeds "
            "and the same items"
        )
    return nested_tests(
        [_seed(row) for row in a], [_seed(row) for row in b], MEAN,
        clusters=clusters, level=level, resamples=resamples, seed=seed,
    )[0]  # fmt: skip


def nested_tests(
    first: Sequence[np.ndarray],
    second: Sequence[np.ndarray],
    statistic: Statistic,
    *,
    clusters: Sequence[Hashable] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> list[NestedTest]:
    """Tests of all metrics of a statistic; one (n, c) array per seed and system."""
    if [np.shape(a) for a in first] != [np.shape(b) for b in second]:
        raise InputError(
            f"nested test: found {len(first)} and {len(second)} seeds of {len(first[0])} and "
            f"{len(second[0])} items; expected the same seeds and items"
        )
    found = _nested(first, statistic, clusters, level, resamples, seed, minus=second)
    if len(first) > 1:
        p = [metric.p() for metric in found]
    elif len(first[0]) > 1:
        p = list(exchange(first[0], second[0], statistic, resamples, seed, clusters))
    else:
        p = [math.nan] * len(found)
    return [NestedTest(m.interval(level), float(q)) for m, q in zip(found, p, strict=True)]


class _Metric(NamedTuple):
    """One metric: a value per seed and the law of its mean over seeds under drawn items."""

    per_seed: np.ndarray
    over_items: Resampled
    items: int

    @property
    def seed_error(self) -> float:
        seeds = len(self.per_seed)
        return float(self.per_seed.std(ddof=1) / math.sqrt(seeds)) if seeds > 1 else math.nan

    def ends(self, level: float) -> tuple[float, float]:
        from scipy.special import stdtrit

        value, seeds = self.over_items.point, len(self.per_seed)
        # One item is no sample of items: a single number per seed.
        low, high = self.over_items.ends(level) if self.items > 1 else (value, value)
        if seeds == 1:
            return (low, high) if self.items > 1 else (math.nan, math.nan)
        reach = stdtrit(seeds - 1, (1 + level) / 2) * self.seed_error
        if math.isnan(low) or (self.items <= 1 and reach <= 1e-14 * abs(value)):
            return math.nan, math.nan
        # BCa may leave the value itself outside; it then has no arm on that side.
        below, above = max(value - low, 0.0), max(high - value, 0.0)
        return value - math.hypot(below, reach), value + math.hypot(above, reach)

    def interval(self, level: float) -> NestedInterval:
        items = self.items if self.items > 1 else 0
        seeds = tuple(map(float, self.per_seed))
        value = self.over_items.point
        return NestedInterval(value, *self.ends(level), seeds, self.seed_error, items)

    def p(self) -> float:
        """The largest level's complement at which 0 is outside: bisection, as ends are monotone."""
        from scipy.optimize import brentq

        value = self.over_items.point
        if value == 0:
            return 1.0
        if math.isnan(self.ends(0.95)[0]):
            return math.nan

        def beyond(log_p: float) -> float:
            low, high = self.ends(1 - math.exp(log_p))
            return low if value > 0 else -high

        least, most = math.log(1e-9), math.log(1 - 1e-6)
        if beyond(least) > 0:
            return math.exp(least)
        if beyond(most) < 0:
            return 1.0
        return math.exp(brentq(beyond, least, most, xtol=1e-6))


def _nested(
    values: Sequence[np.ndarray],
    statistic: Statistic,
    clusters: Sequence[Hashable] | None,
    level: float,
    resamples: int,
    seed: int,
    minus: Sequence[np.ndarray] | None = None,
) -> list[_Metric]:
    if not len(values):
        raise InputError("nested: no seeds; expected at least one")
    lengths = {len(one) for one in values}
    if len(lengths) > 1:
        raise InputError(
            f"nested: the seeds have {sorted(lengths)} items; expected the same items for all "
            "(else give one mean per seed)"
        )
    for one in (*values, *(minus or ())):
        check(one, level, resamples)
    (n,) = lengths
    estimates = [statistic.estimate(one) for one in values]
    if minus is not None:
        others = [statistic.estimate(one) for one in minus]
        estimates = [_minus(a, b) for a, b in zip(estimates, others, strict=True)]

    def mean(weights: np.ndarray) -> np.ndarray:
        total = estimates[0](weights)
        for estimate in estimates[1:]:
            total = total + estimate(weights)
        return total / len(estimates)

    per_seed = np.stack([estimate(np.ones((1, n)))[0] for estimate in estimates])
    found = resample(mean, n, resamples if n > 1 else 1, seed, clusters)
    return [_Metric(per_seed[:, m], metric, n) for m, metric in enumerate(found)]


def _minus(first: Estimate, second: Estimate) -> Estimate:
    return lambda weights: first(weights) - second(weights)


def _table(values: np.ndarray) -> np.ndarray:
    """(S, n), of (S, n) or of one number per seed."""
    table = np.asarray(values, dtype=np.float64)
    if table.ndim == 1:
        table = table[:, None]
    if table.ndim != 2 or table.size == 0:
        raise InputError(
            f"nested: found shape {np.shape(values)}; expected (seeds, items) or (seeds,)"
        )
    return table


def _seed(row: np.ndarray) -> np.ndarray:
    return row[:, None]
