"""How often each task of a training comes: a plan over the batches of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dipole.errors import InputError
from dipole.sampling.grouped import OneSource
from dipole.sampling.mixture import Mixture
from dipole.sampling.plans import Plan
from dipole.training.material import Material
from dipole.training.regrouping import Regrouped
from dipole.training.samplers import make_sampler
from dipole.training.sources import of_source

if TYPE_CHECKING:
    from dipole.training.tasks import Task


def plan_of(
    tasks: Sequence[Task], materials: Sequence[Material], folder: Path, *, seed: int = 0
) -> Plan | Regrouped:
    """The batches of all tasks, each from its own sampler; rows are numbered through the tasks."""
    plans: list[Plan] = []
    for number, (task, material) in enumerate(zip(tasks, materials, strict=True)):
        with of_source(task.name):
            plan = make_sampler(task.config, material, folder, number)
            if len(tasks) == 1:
                return plan
            if isinstance(plan, Regrouped):
                raise InputError(
                    "sampler: found groups that are found anew (every) beside other tasks; "
                    "expected data of one task, or no such option"
                )
            plans.append(plan)
    sizes = [len(task.examples) for task in tasks]
    return Mixture(plans, sizes, weights(plans, sizes, [t.share for t in tasks]), seed=seed)


def weights(
    plans: Sequence[Plan], sizes: Sequence[int], shares: Sequence[float | None]
) -> list[float] | None:
    """The share of the batches of each task; None where every row is to come once an epoch.

    Those that are given none have what the others leave, by their size: by the sum of
    n^power over their sources where their sampler is `sources` of such a power.
    """
    powers = [plan.power if isinstance(plan, OneSource) else 1.0 for plan in plans]
    if not any(shares) and all(power == 1 for power in powers):
        return None
    by_size = [
        float(plan.weights.sum()) if isinstance(plan, OneSource) else float(size)
        for plan, size in zip(plans, sizes, strict=True)
    ]
    left = 1 - sum(share or 0 for share in shares)
    rest = sum(size for size, share in zip(by_size, shares, strict=True) if not share)
    return [share or left * size / rest for size, share in zip(by_size, shares, strict=True)]
