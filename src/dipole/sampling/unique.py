"""Batches in which nothing appears twice, because a duplicate would be a false negative."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np

from dipole.sampling.plans import Plan


class UniqueBatches(Plan):
    """Batches of row numbers, one epoch at a time, no key twice in a batch.

    `keys` is (n, k) uint64: the content hashes of a row (its anchor, its positive). Two rows that
    share any hash never meet. Every row appears exactly once per epoch: where duplicates do not
    fit, batches get shorter or more, rows are never dropped, and the length is the exact number.

    >>> batches = UniqueBatches(np.array([[1], [1], [2], [3]], dtype=np.uint64), batch_size=2)
    >>> [sorted(batch.tolist()) for batch in batches.epoch(0)]  # rows 0 and 1 are equal
    [[0, 2], [1, 3]]
    """

    def __init__(self, keys: np.ndarray, batch_size: int, *, seed: int = 0) -> None:
        super().__init__(batch_size, seed=seed)
        self.keys = check_keys(keys)
        self._crowded = rows_that_share_a_key(keys)

    def length(self, epoch: int) -> int:
        """The exact number of batches of one epoch."""
        if not self._crowded.any():
            return -(-len(self.keys) // self.batch_size)
        return super().length(epoch)

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        order = rng.permutation(len(self.keys))
        if self._crowded.any():
            return self._place(order, rng)
        return [
            order[start : start + self.batch_size]
            for start in range(0, len(order), self.batch_size)
        ]

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


def part_repeats(batches: list[np.ndarray], keys: np.ndarray, size: int) -> list[np.ndarray]:
    """The same batches with every row that repeats a key of its batch moved to the nearest batch
    that has room and no such key, or to a new one at the end. Rows keep company where they can.
    """
    shared = rows_that_share_a_key(check_keys(keys))
    if not shared.any():
        return batches
    kept: list[list[int]] = []
    held: list[set[int]] = []
    moved: list[tuple[int, int]] = []  # (where from, row)
    for place, batch in enumerate(batches):
        kept.append([])
        held.append(set())
        for row in batch.tolist():
            if shared[row] and not held[-1].isdisjoint(keys[row].tolist()):
                moved.append((place, row))
            else:
                kept[-1].append(row)
                held[-1].update(keys[row].tolist() if shared[row] else ())
    room = {place for place, batch in enumerate(kept) if len(batch) < size}
    for origin, row in moved:
        row_keys = set(keys[row].tolist())
        free = (place for place in room if held[place].isdisjoint(row_keys))
        place = min(free, key=lambda p: abs(p - origin), default=len(kept))
        if place == len(kept):
            kept.append([])
            held.append(set())
            room.add(place)
        kept[place].append(row)
        held[place] |= row_keys
        if len(kept[place]) >= size:
            room.discard(place)
    return [np.array(batch, dtype=np.int64) for batch in kept if batch]


def check_keys(keys: np.ndarray) -> np.ndarray:
    """Keys as they must be, (n, k) uint64."""
    if keys.ndim != 2 or keys.dtype != np.uint64:
        raise ValueError(f"keys: {keys.dtype} {keys.shape}; expected uint64 (n, k)")
    return keys


def rows_that_share_a_key(keys: np.ndarray) -> np.ndarray:
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
