"""Batches in which nothing appears twice, because a duplicate would be a false negative."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import numpy as np

from dipole.sampling.known import KnownPairs, known_pairs
from dipole.sampling.plans import Plan

# Batches that are looked at for a row before it gets one of its own.
LOOKS = 256


class UniqueBatches(Plan):
    """Batches of row numbers, one epoch at a time, no two rows in one that may not meet.

    `keys` is (n, k) uint64: the content hashes of a row (its anchor, its positive), which belong
    together. Rows that share a hash never meet, nor rows of which a third says that their hashes
    belong together (`KnownPairs`). Every row appears exactly once per epoch: where rows do not
    fit, batches get shorter or more, rows are never dropped, and the length is the exact number.

    >>> batches = UniqueBatches(np.array([[1], [1], [2], [3]], dtype=np.uint64), batch_size=2)
    >>> [sorted(batch.tolist()) for batch in batches.epoch(0)]  # rows 0 and 1 are equal
    [[0, 2], [1, 3]]
    """

    def __init__(self, keys: np.ndarray | KnownPairs, batch_size: int, *, seed: int = 0) -> None:
        super().__init__(batch_size, seed=seed)
        self.known = known_pairs(keys)
        self._any_crowded = bool(self.known.crowded.any())

    def length(self, epoch: int) -> int:
        """The exact number of batches of one epoch."""
        if not self._any_crowded:
            return -(-len(self.known) // self.batch_size)
        return super().length(epoch)

    def _plan(self, rng: np.random.Generator) -> list[np.ndarray]:
        order = rng.permutation(len(self.known))
        if self._any_crowded:
            return in_company(self._place(order, rng), self.known)
        starts = range(0, len(order), self.batch_size)
        return in_company([order[start : start + self.batch_size] for start in starts], self.known)

    def _place(self, order: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Crowded rows first, each in a random batch that has room and nothing it may not meet."""
        batches: list[list[int]] = [[] for _ in range(-(-len(order) // self.batch_size))]
        held: list[set[int]] = [set() for _ in batches]
        room = list(range(len(batches)))
        places_of: Counter[int] = Counter()
        is_crowded = self.known.crowded[order]
        for row in order[is_crowded].tolist():
            holds = self.known.holds(row)
            avoids = self.known.avoids(holds)
            found = -1
            # A text that is in every batch already fits nowhere: no need to look.
            if room and max(places_of[text] for text in holds) < len(batches):
                start = int(rng.integers(len(room)))
                for look in range(min(len(room), LOOKS)):
                    at = (start + look) % len(room)
                    if all(map(held[room[at]].isdisjoint, avoids)):
                        found = room[at]
                        break
            if found < 0:
                found, at = len(batches), len(room)
                batches.append([])
                held.append(set())
                room.append(found)
            batches[found].append(row)
            held[found] |= holds
            places_of.update(holds)
            if len(batches[found]) == self.batch_size:
                room[at] = room[-1]
                room.pop()
        free = iter(order[~is_crowded].tolist())
        for batch in batches:
            batch.extend(islice(free, self.batch_size - len(batch)))
        return [rng.permutation(batch) for batch in batches if batch]


def part_repeats(
    batches: list[np.ndarray], keys: np.ndarray | KnownPairs, size: int
) -> list[np.ndarray]:
    """The same batches with every row that may not meet one before it (`KnownPairs`) moved to the
    nearest batch that has room and nobody of whom this is true, or to a new one at the end. Rows
    keep company where they can.
    """
    known = known_pairs(keys)
    if not known.crowded.any():
        return in_company(batches, known)
    kept: list[list[int]] = []
    held: list[set[int]] = []
    moved: list[tuple[int, int]] = []  # (where from, row)
    for place, batch in enumerate(batches):
        kept.append([])
        held.append(set())
        for row in batch.tolist():
            if not known.crowded[row]:
                kept[-1].append(row)
                continue
            holds = known.holds(row)
            if all(map(held[-1].isdisjoint, known.avoids(holds))):
                kept[-1].append(row)
                held[-1] |= holds
            else:
                moved.append((place, row))
    for origin, row in moved:
        holds = known.holds(row)
        avoids = known.avoids(holds)
        free = (p for p in _outward(origin, len(kept)) if len(kept[p]) < size)
        place = next((p for p in free if all(map(held[p].isdisjoint, avoids))), len(kept))
        if place == len(kept):
            kept.append([])
            held.append(set())
        kept[place].append(row)
        held[place] |= holds
    return in_company([np.array(batch, dtype=np.int64) for batch in kept if batch], known)


def in_company(batches: list[np.ndarray], known: KnownPairs) -> list[np.ndarray]:
    """The same batches; one of a single row, which has no negative there, is joined by a row of
    the nearest batch of three or more that may."""
    alone = [place for place, batch in enumerate(batches) if len(batch) == 1]
    donors = np.array([place for place, batch in enumerate(batches) if len(batch) > 2])
    if not alone or not len(donors):
        return batches
    batches = list(batches)
    for place in alone:
        for donor in donors[np.argsort(np.abs(donors - place), kind="stable")[:8]].tolist():
            rows = batches[donor]
            if len(rows) < 3:
                continue
            fits = (i for i, r in enumerate(rows) if known.may_meet(int(batches[place][0]), int(r)))
            chosen = next(fits, None)
            if chosen is not None:
                batches[place] = np.append(batches[place], rows[chosen])
                batches[donor] = np.delete(rows, chosen)
                break
    return batches


def _outward(origin: int, count: int) -> Iterator[int]:
    """Places from 0 to `count`, the nearest to `origin` first."""
    yield origin
    for distance in range(1, count):
        if origin - distance >= 0:
            yield origin - distance
        if origin + distance < count:
            yield origin + distance
