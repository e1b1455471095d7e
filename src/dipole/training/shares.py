"""How often each task of a training comes: a plan over the batches of all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dipole.sampling.grouped import OneSource
from dipole.sampling.known import KnownPairs
from dipole.sampling.mixture import Mixture
from dipole.sampling.plans import Plan
from dipole.training.samplers import make_sampler
from dipole.training.sources import of_source

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder
    from dipole.training.tasks import Task


def plan_of(
    tasks: Sequence[Task],
    encoder: Encoder,
    folder: Path,
    *,
    known: Sequence[KnownPairs],
    seed: int = 0,
    show_progress: bool = False,
) -> Mixture:
    """The batches of all tasks, each from its own sampler; rows are numbered through the tasks."""
    plans = []
    for number, (task, relation) in enumerate(zip(tasks, known, strict=True)):
        with of_source(task.name):
            plans.append(
                make_sampler(
                    task.config,
                    task.examples,
                    encoder,
                    folder,
                    known=relation,
                    task=number,
                    show_progress=show_progress,
                )
            )
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
    if len(plans) == 1 or (not any(shares) and all(power == 1 for power in powers)):
        return None
    by_size = [
        float(plan.weights.sum()) if isinstance(plan, OneSource) else float(size)
        for plan, size in zip(plans, sizes, strict=True)
    ]
    left = 1 - sum(share or 0 for share in shares)
    rest = sum(size for size, share in zip(by_size, shares, strict=True) if not share)
    return [share or left * size / rest for size, share in zip(by_size, shares, strict=True)]
