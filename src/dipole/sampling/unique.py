"""Batches in which nothing appears twice, because a duplicate would be a false negative."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np

from dipole.errors import InputError


class UniqueBatches:
    """Batches of row numbers, one epoch at a time, no key twice in a batch.

    `keys` is (n, k) uint64: the content hashes of a row (its anchor, its positive). Two rows that
    share any hash never meet. Every row appears exactly once per epoch: where duplicates do not
    fit, batches get shorter or more, rows are never dropped, and the length is the exact number.

    The plan of an epoch depends on (keys, batch_size, seed, epoch) alone, so every process of a
    run makes the same one and a resumed run goes on in the middle of it.

    >>> batches = UniqueBatches(np.array([[1], [1], [2], [3]], dtype=np.uint64), batch_size=2)
    >>> [sorted(batch.tolist()) for batch in batches.epoch(0)]  # rows 0 and 1 are equal
    [[0, 2], [1, 3]]
    """

    def __init__(self, keys: np.ndarray, batch_size: int, *, seed: int = 0) -> None:
        if keys.ndim != 2 or keys.dtype != np.uint64:
            raise ValueError(f"keys: {keys.dtype} {keys.shape}; expected uint64 (n, k)")
        if batch_size < 1:
            raise InputError(f"batch_size: {batch_size}; expected at least 1")
        self.keys = keys
        self.batch_size = batch_size
        self.seed = seed
        self._crowded = _rows_that_share_a_key(keys)
        self._lengths: dict[int, int] = {}

    def epoch(self, epoch: int) -> list[np.ndarray]:
        """The batches of one epoch, in order."""
        rng = np.random.default_rng((self.seed, epoch))
        order = rng.permutation(len(self.keys))
        if self._crowded.any():
            batches = self._place(order, rng)
        else:
            batches = [
                order[start : start + self.batch_size]
                for start in range(0, len(order), self.batch_size)
            ]
        self._lengths[epoch] = len(batches)
        return batches

    def length(self, epoch: int) -> int:
        """The exact number of batches of one epoch."""
        if not self._crowded.any():
            return -(-len(self.keys) // self.batch_size)
        if epoch not in self._lengths:
            self.epoch(epoch)
        return self._lengths[epoch]

    def _place(self, order: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Rows that share a key first, each in a random batch that has room and no such key."""
        batches: list[list[int]] = [[] for _ in range(-(-len(order) // self.batch_size))]
        held: list[set[int]] = [set() for _ in batches]
        places_of: Counter[int] = Counter()
        is_crowded = self._crowded[order]
        for row in order[is_crowded].tolist():
            row_keys = set(self.keys[row].tolist())
            start = int(rng.integers(len(batches)))
            # A key that is in every batch already fits nowhere: no need to look.
            fits = max(places_of[key] for key in row_keys) < len(batches)
            for offset in range(len(batches) if fits else 0):
                place = (start + offset) % len(batches)
                if len(batches[place]) < self.batch_size and not held[place] & row_keys:
                    break
            else:
                place = len(batches)
                batches.append([])
                held.append(set())
            batches[place].append(row)
            held[place] |= row_keys
            places_of.update(row_keys)
        free = iter(order[~is_crowded].tolist())
        for batch in batches:
            batch.extend(islice(free, self.batch_size - len(batch)))
        return [rng.permutation(batch) for batch in batches if batch]


def _rows_that_share_a_key(keys: np.ndarray) -> np.ndarray:
    """True for every row one of whose keys stands in another row too, (n,) bool."""
    if keys.size == 0:
        return np.zeros(len(keys), dtype=bool)
    # A key that a row holds twice (its anchor is its positive) is no duplicate: count rows.
    ordered = np.sort(keys, axis=1)
    first = np.ones_like(ordered, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    values, inverse = np.unique(ordered, return_inverse=True)
    counts = np.bincount(inverse.ravel()[first.ravel()], minlength=len(values))
    is_shared = counts[inverse].reshape(ordered.shape) > 1
    return np.logical_or.reduce(is_shared, axis=1)
