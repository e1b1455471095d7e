"""Easy rows first: every epoch may use a larger part of them."""

from __future__ import annotations

import math

import numpy as np

from dipole.errors import InputError
from dipole.sampling.known import KnownPairs, known_pairs, no_keys
from dipole.sampling.plans import Plan
from dipole.sampling.unique import part_repeats


class Curriculum(Plan):
    """Epoch e draws its batches from the easiest c(e) of the rows, in random order,

        c(e) = min(1, sqrt(start^2 + (1 - start^2) e / over)),

    so that the number of new rows falls as that of known ones grows.

    difficulty: (n,) numbers, small is easy (length, a teacher's loss); start: the part that the
    first epoch sees; over: epochs until all rows take part. Rows that may not meet (`KnownPairs`)
    never do.
    Source: Platanios et al. 2019, Competence-based Curriculum Learning for Neural Machine
    Translation, arXiv 1903.09848, its square root form.

    >>> plan = Curriculum(np.array([5.0, 1.0, 3.0, 2.0]), 2, start=0.5, over=2)
    >>> [sorted(row for batch in plan.epoch(e) for row in batch.tolist()) for e in (0, 2)]
    [[1, 3], [0, 1, 2, 3]]
    """

    def __init__(
        self,
        difficulty: np.ndarray,
        batch_size: int,
        *,
        start: float = 0.2,
        over: float = 4,
        keys: np.ndarray | KnownPairs | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(batch_size, seed=seed)
        if not 0 < start <= 1:
            raise InputError(
                f"start: found {start}; expected a part of the rows, above 0, at most 1"
            )
        if over <= 0:
            raise InputError(f"over: found {over}; expected epochs, above 0")
        difficulty = np.asarray(difficulty, dtype=np.float64)
        if difficulty.ndim != 1 or not np.isfinite(difficulty).all():
            raise InputError(
                f"difficulty: found shape {difficulty.shape}; expected (n,) finite numbers"
            )
        self.easiest = np.argsort(difficulty, kind="stable")
        self.start, self.over = start, over
        self.known = known_pairs(no_keys(len(difficulty)) if keys is None else keys)

    def part(self, epoch: int) -> float:
        """c(e), the part of the rows that an epoch may use."""
        return min(1.0, math.sqrt(self.start**2 + (1 - self.start**2) * epoch / self.over))

    def _plan_of(self, epoch: int) -> list[np.ndarray]:
        known = self.easiest[: math.ceil(self.part(epoch) * len(self.easiest))]
        order = np.random.default_rng((self.seed, epoch)).permutation(known)
        size = self.batch_size
        batches = [order[first : first + size] for first in range(0, len(order), size)]
        return part_repeats(batches, self.known, size)
