"""How often each task of a training comes: a plan over the batches of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dipole.sampling.grouped import OneSource
from dipole.sampling.mixture import Mixture
from dipole.sampling.plans import Plan
from dipole.training.regrouping import Regrouped
from dipole.training.samplers import make_sampler
from dipole.training.sources import of_source

if TYPE_CHECKING:
    from dipole.training.material import Material
    from dipole.training.tasks import Task


class Batches:
    """The batches of all tasks, each from its own sampler; rows are numbered through the tasks.

    An epoch is one of the whole training, also where groups are found anew after some of them.
    """

    def __init__(
        self,
        plans: Sequence[Plan | Regrouped],
        sizes: Sequence[int],
        shares: Sequence[float | None],
        *,
        seed: int = 0,
    ) -> None:
        self._plans, self._sizes, self._shares, self._seed = plans, sizes, shares, seed
        self.regrouped = [plan for plan in plans if isinstance(plan, Regrouped)]
        self.first = self._mixed([p.first if isinstance(p, Regrouped) else p for p in plans])

    def length(self, epoch: int) -> int:
        """The number of batches of an epoch, as the first groups have it."""
        return self.first.length(epoch)

    def steps(self, start: int, total: int) -> Iterator[tuple[int, np.ndarray]]:
        """The row numbers of every step from `start` to `total`, or to the next groups."""
        plan = self._present()
        epoch, step = self._since()
        last_epoch = min((one.end[0] for one in self.regrouped), default=inf)
        total = int(min([total, *(one.end[1] for one in self.regrouped)]))
        while step < total and epoch < last_epoch:
            length = plan.length(epoch)
            if step + length > start:
                for index, rows in enumerate(plan.epoch(epoch)[: total - step], step):
                    if index >= start:
                        yield index, rows
            step, epoch = step + length, epoch + 1

    def regroup(self, step: int) -> None:
        """Find the groups anew that end before `step`; every process calls it together."""
        plan, (epoch, start) = self._present(), self._since()
        while start + plan.length(epoch) <= step:
            epoch, start = epoch + 1, start + plan.length(epoch)
        for one in self.regrouped:
            if epoch >= one.end[0] or step >= one.end[1]:
                one.regroup(epoch, start, step)

    def _since(self) -> tuple[int, int]:
        """The epoch in which groups were found last, and its first step."""
        return max((one.epoch for one in self.regrouped), default=(0, 0))

    def _present(self) -> Mixture:
        """The batches of the present groups."""
        if not self.regrouped:
            return self.first
        return self._mixed([p.plan() if isinstance(p, Regrouped) else p for p in self._plans])

    def _mixed(self, plans: Sequence[Plan]) -> Mixture:
        shares = weights(plans, self._sizes, self._shares)
        return Mixture(plans, self._sizes, shares, seed=self._seed)


def batches_of(
    tasks: Sequence[Task], materials: Sequence[Material], folder: Path, seed: int
) -> Batches:
    """The batches of a training."""
    plans = []
    for number, (task, material) in enumerate(zip(tasks, materials, strict=True)):
        with of_source(task.name):
            plans.append(make_sampler(task.config, material, folder, number))
    sizes = [len(task.examples) for task in tasks]
    return Batches(plans, sizes, [task.share for task in tasks], seed=seed)


def weights(
    plans: Sequence[Plan], sizes: Sequence[int], shares: Sequence[float | None]
) -> list[float] | None:
    """The share of the batches of each task; None where every row is to come once an epoch.

    Those that are given none have what the others leave, by their size: by the sum of
    n^power over their sources where their sampler is `sources` of such a power.
    """
    powers = [plan.power if isinstance(plan, OneSource) else 1.0 for plan in plans]
    if len(plans) == 1 or (not any(shares) and all(power == 1 for power in powers)):
        return None
    by_size = [
        float(plan.weights.sum()) if isinstance(plan, OneSource) else float(size)
        for plan, size in zip(plans, sizes, strict=True)
    ]
    left = 1 - sum(share or 0 for share in shares)
    rest = sum(size for size, share in zip(by_size, shares, strict=True) if not share)
    return [share or left * size / rest for size, share in zip(by_size, shares, strict=True)]
