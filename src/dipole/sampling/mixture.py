"""Batches of several plans, each with its share of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dipole.errors import InputError
from dipole.sampling.plans import Plan


class Mixture(Plan):
    """The batches of several plans in a random order; rows are numbered through, plan after plan.

    Without weights an epoch is one of every plan: every row once. With weights (of any sum) plan
    k has that share of the batches of an epoch, which is as long as one without: a small plan
    begins again before a large one is through, and goes on in the next epoch where it stood.

    rows: how many rows each plan is of.

    >>> from dipole.sampling.unique import UniqueBatches
    >>> keys = np.arange(4, dtype=np.uint64)[:, None]
    >>> plan = Mixture([UniqueBatches(keys, 2), UniqueBatches(keys, 4)], [4, 4])
    >>> sorted(sorted(batch.tolist()) for batch in plan.epoch(0))[-1]  # of the second plan
    [4, 5, 6, 7]
    """

    def __init__(
        self,
        plans: Sequence[Plan],
        rows: Sequence[int],
        weights: Sequence[float] | None = None,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__(max(plan.batch_size for plan in plans), seed=seed)
        self.plans = list(plans)
        self.starts = np.concatenate([[0], np.cumsum(rows)])
        self.weights = None if weights is None else np.asarray(weights, dtype=np.float64)
        if self.weights is not None and not (self.weights > 0).all():
            raise InputError(f"shares: found {list(weights or [])}; expected numbers above 0")

    def plan_of(self, row: int) -> int:
        """The number of the plan that a row is of."""
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def length(self, epoch: int) -> int:
        """The exact number of batches of one epoch."""
        return sum(plan.length(epoch if self.weights is None else 0) for plan in self.plans)

    def _plan_of(self, epoch: int) -> list[np.ndarray]:
        if len(self.plans) == 1:
            return self.plans[0].epoch(epoch)
        if self.weights is None:
            each = [plan.epoch(epoch) for plan in self.plans]
        else:
            total = sum(plan.length(0) for plan in self.plans)
            counts = apportion(self.weights, total).tolist()
            each = [
                _stretch(plan, epoch * count, (epoch + 1) * count)
                for plan, count in zip(self.plans, counts, strict=True)
            ]
        batches = [start + b for start, own in zip(self.starts, each, strict=False) for b in own]
        rng = np.random.default_rng((self.seed, epoch))
        return [batches[i] for i in rng.permutation(len(batches))]


def _stretch(plan: Plan, start: int, end: int) -> list[np.ndarray]:
    """The batches `start` to `end` of a plan, its epochs one after the other."""
    batches: list[np.ndarray] = []
    passed = epoch = 0
    while passed < end:
        length = plan.length(epoch)
        if passed + length > start:
            batches += plan.epoch(epoch)[max(start - passed, 0) : end - passed]
        passed, epoch = passed + length, epoch + 1
    return batches


def apportion(weights: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers that sum to `total`, nearest to its shares by weight (largest remainders), but
    at least 1 each where the total allows it."""
    wanted = weights / weights.sum() * total
    base = np.floor(wanted).astype(np.int64)
    if total >= len(weights):
        base = base.clip(min=1)
    while base.sum() > total:  # small ones were lifted: the richest pay
        base[np.argmax(np.where(base > 1, base - wanted, -np.inf))] -= 1
    rest = wanted - base
    for place in np.argsort(-rest, kind="stable")[: total - base.sum()]:
        base[place] += 1
    return base
