"""What every sampler is: a plan of batches for each epoch, the same on every process."""

from __future__ import annotations

import numpy as np

from dipole.errors import InputError


class Plan:
    """Batches of row numbers, one epoch at a time.

    A plan is a function of (what it was made from, batch size, seed, epoch) alone, so every
    process of a run makes the same one, and a resumed run goes on in the middle of it. A subclass
    writes `_plan(rng)`, or `_plan_of(epoch)` where the generator is not enough.
    """

    def __init__(self, batch_size: int, *, seed: int = 0) -> None:
        if batch_size < 1:
            raise InputError(f"batch_size: {batch_size}; expected at least 1")
        self.batch_size = batch_size
        self.seed = seed
        self._lengths: dict[int, int] = {}

    def epoch(self, epoch: int) -> list[np.ndarray]:
        """The batches of one epoch, in order."""
        batches = self._plan_of(epoch)
        self._lengths[epoch] = len(batches)
        return batches

    def length(self, epoch: int) -> int:
        """The exact number of batches of one epoch."""
        if epoch not in self._lengths:
            self.epoch(epoch)
        return self._lengths[epoch]

    def _plan_of(self, epoch: int) -> list[np.ndarray]:
        return self._plan(np.random.default_rng((self.seed, epoch)))

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        raise NotImplementedError


def check_groups(groups: np.ndarray, name: str = "groups") -> np.ndarray:
    """(n,) numbers 0, 1, ... of the groups, whatever they were called."""
    groups = np.asarray(groups)
    if groups.ndim != 1 or not len(groups):
        raise InputError(f"{name}: found shape {groups.shape}; expected (n,), one per row")
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def members(groups: np.ndarray) -> list[np.ndarray]:
    """The rows of each group, in the order of the rows."""
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.cumsum(np.bincount(groups))[:-1])


def shuffled(
    groups: np.ndarray, rng: np.random.Generator, last: np.ndarray | None = None
) -> np.ndarray:
    """All rows, group after group, the groups and the rows of each in a random order, (n,).

    last: (number of groups,) bool, groups that come after all others.
    """
    place = rng.permutation(int(groups.max()) + 1)
    if last is not None:
        place = place + last * len(place)
    within = rng.random(len(groups))
    return np.lexsort((within, place[groups]))
