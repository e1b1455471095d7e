"""What an evaluation returns: one row per item (query, pair), from which all else is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from dipole.errors import InputError
from dipole.evaluation.statistics.intervals import (
    Interval,
    PairedTest,
    Statistic,
    bootstrap_intervals,
    paired_tests,
)
from dipole.showing import counted
from dipole.tables import Shown, Table

Run = dict[str, dict[str, float]]


@dataclass(frozen=True, eq=False, repr=False)
class Result(Shown):
    """One system measured on one task.

    Intervals cost resampling, so they are computed when asked for; `value` costs nothing.
    """

    task: str
    system: str
    item: str  # what a row is: "query" or "pair"
    ids: Sequence[str]
    per_item: Mapping[str, np.ndarray]  # a column of one value per id
    metrics: tuple[str, ...]  # what the statistic estimates from the columns
    statistic: Statistic
    notes: tuple[str, ...] = ()
    run: Run = field(default_factory=dict, repr=False)
    seed: int = 0

    @cached_property
    def values(self) -> np.ndarray:
        """The columns side by side, (items, columns), float64."""
        return np.column_stack([np.asarray(c, dtype=np.float64) for c in self.per_item.values()])

    @cached_property
    def _points(self) -> np.ndarray:
        return self.statistic.estimate(self.values)(np.ones((1, len(self.ids))))[0]

    @cached_property
    def intervals(self) -> dict[str, Interval]:
        """Metric -> value and its 95 % bootstrap interval over the items."""
        found = bootstrap_intervals(self.values, self.statistic, seed=self.seed)
        return dict(zip(self.metrics, found, strict=True))

    def value(self, metric: str) -> float:
        """One metric without its interval."""
        return float(self._points[self._index(metric)])

    def __getitem__(self, metric: str) -> Interval:
        self._index(metric)
        return self.intervals[metric]

    def _table(self) -> Table:
        rows = []
        for name, found in self.intervals.items():
            interval = "n/a" if found.low != found.low else f"[{found.low:.3f}, {found.high:.3f}]"
            rows.append((name, f"{found.value:.3f}", interval))
        what = f"{self.task} of {self.system}: {counted(len(self.ids), self.item)}"
        return Table(what, rows, ("metric", "value", "95 % interval"), self.notes)

    def named(self, system: str) -> Result:
        """The same result under another name."""
        return replace(self, system=system)

    def _index(self, metric: str) -> int:
        if metric not in self.metrics:
            raise InputError(
                f"no metric {metric!r} in task {self.task}; expected {', '.join(self.metrics)}"
            )
        return self.metrics.index(metric)


def compare(first: Result, second: Result) -> dict[str, PairedTest]:
    """Metric -> paired test of first minus second, on the items both were measured on.

    Raises InputError where the two did not measure the same items of the same task.
    """
    if first.task != second.task or first.metrics != second.metrics:
        raise InputError(f"cannot compare {first.task} with {second.task}; expected one task")
    if list(first.ids) != list(second.ids):
        common = len(set(first.ids) & set(second.ids))
        raise InputError(
            f"{first.system} and {second.system} were measured on different items "
            f"({len(first.ids)} and {len(second.ids)}, {common} in common); expected the same"
        )
    tests = paired_tests(first.values, second.values, first.statistic, seed=first.seed)
    return dict(zip(first.metrics, tests, strict=True))
