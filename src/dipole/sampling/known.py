"""What the pairs of a training set say of its texts, and so which rows may not meet in a batch."""

from __future__ import annotations

from itertools import combinations

import numpy as np


class KnownPairs:
    """Which texts belong together by any row of the set, as a relation over its content hashes.

    keys: (n, k) uint64, the hashes of a row (its anchor, its positive), which belong together. Two
    rows may not meet in a batch where they share a text, or where a text of one belongs by a third
    row to a text of the other: each would be the other's negative against what the data say.

    A set in which no text stands twice costs one sort and nothing else.

    >>> known = KnownPairs(np.array([[1, 7], [1, 8], [2, 8], [3, 9]], dtype=np.uint64))
    >>> known.may_meet(0, 2), known.may_meet(0, 3)  # row 1 says that 1 and 8 belong together
    (False, True)
    """

    def __init__(self, keys: np.ndarray) -> None:
        self.keys = check_keys(keys)
        # Rows that cannot go everywhere.
        self.crowded = np.zeros(len(keys), dtype=bool)
        # Text -> those it belongs to, where rows that share no text may be kept apart by it: both
        # texts have another partner.
        self._beyond: dict[int, frozenset[int]] = {}
        self._partners = np.zeros((0, 2), dtype=np.uint64)
        if keys.size == 0:
            return
        values, codes = np.unique(keys, return_inverse=True)
        codes = codes.reshape(keys.shape)
        self.crowded = _repeated(codes, len(values))
        if self.crowded.any():
            self._relate(values, codes[self.crowded])

    def __len__(self) -> int:
        return len(self.keys)

    def _relate(self, values: np.ndarray, codes: np.ndarray) -> None:
        sides = [codes[:, pair] for pair in combinations(range(codes.shape[1]), 2)]
        if not sides:
            return
        ends = np.sort(np.concatenate(sides), axis=1)
        numbers = np.unique(ends[:, 0] * len(values) + ends[:, 1])
        edges = np.column_stack(np.divmod(numbers, len(values)))
        to_itself = edges[:, 0] == edges[:, 1]
        degree = np.bincount(edges[to_itself, 0], minlength=len(values))
        edges = edges[~to_itself]
        degree += np.bincount(edges.ravel(), minlength=len(values))
        both = np.concatenate([edges, edges[:, ::-1]])
        both = both[degree[both[:, 0]] > 1]
        # By text; `values` are sorted, so their codes sort as they do.
        both = both[np.lexsort((both[:, 1], both[:, 0]))]
        self._partners = values[both]
        beyond = self._partners[degree[both[:, 1]] > 1]
        cuts = np.flatnonzero(beyond[1:, 0] != beyond[:-1, 0]) + 1
        for part in np.split(beyond, cuts) if len(beyond) else ():
            self._beyond[int(part[0, 0])] = frozenset(part[:, 1].tolist())

    def of_rows(self, rows: np.ndarray) -> KnownPairs:
        """These rows, with what the whole set knows of them."""
        made = self._with(self.keys[rows])
        made.crowded = made.crowded | np.isin(
            made.keys, np.fromiter(self._beyond, np.uint64, len(self._beyond))
        ).any(axis=1)
        return made

    def apart_by(self, names: np.ndarray) -> KnownPairs:
        """The same rows, those with the same of these (n,) uint64 names kept apart too."""
        return self._with(np.column_stack([self.keys, names]))

    def _with(self, keys: np.ndarray) -> KnownPairs:
        made = KnownPairs(np.zeros((0, 0), dtype=np.uint64))
        made.keys, made.crowded = keys, _repeated(*_codes(keys))
        made._beyond, made._partners = self._beyond, self._partners
        return made

    def holds(self, row: int) -> set[int]:
        """The texts of a row: what its batch holds then."""
        return set(self.keys[row].tolist())

    def avoids(self, holds: set[int]) -> list[set[int] | frozenset[int]]:
        """Sets of texts; a row that `holds` these may not join a batch that holds any of them."""
        if not self._beyond:
            return [holds]
        return [holds, *(self._beyond[text] for text in holds if text in self._beyond)]

    def may_meet(self, first: int, second: int) -> bool:
        """Whether two rows may stand in one batch."""
        held = self.holds(second)
        return all(held.isdisjoint(texts) for texts in self.avoids(self.holds(first)))

    def no_negatives(self, rows: np.ndarray, *, own: bool, side: int = 0) -> np.ndarray:
        """Texts that are a negative of no anchor in a batch of these rows, uint64: the anchors, and
        what belongs to one of them by another row; the rows' positives too if `own`. With side=1
        positives are what anchors are here."""
        if self.keys.shape[1] != 2:
            return np.zeros(0, dtype=np.uint64)
        anchors = np.unique(self.keys[rows, side])
        start = np.searchsorted(self._partners[:, 0], anchors, side="left")
        end = np.searchsorted(self._partners[:, 0], anchors, side="right")
        parts = [self._partners[a:b, 1] for a, b in zip(start, end, strict=True) if b > a]
        others = np.unique(np.concatenate([anchors, *parts]))
        positives = self.keys[rows, 1 - side]
        return np.union1d(others, positives) if own else np.setdiff1d(others, positives)


def known_pairs(keys: np.ndarray | KnownPairs) -> KnownPairs:
    """The relation of these keys, made where it was not."""
    return keys if isinstance(keys, KnownPairs) else KnownPairs(keys)


def no_keys(count: int) -> np.ndarray:
    """Keys of rows that may all meet."""
    return np.zeros((count, 0), dtype=np.uint64)


def check_keys(keys: np.ndarray) -> np.ndarray:
    """Keys as they must be, (n, k) uint64."""
    if keys.ndim != 2 or keys.dtype != np.uint64:
        raise ValueError(f"keys: {keys.dtype} {keys.shape}; expected uint64 (n, k)")
    return keys


def _codes(keys: np.ndarray) -> tuple[np.ndarray, int]:
    values, codes = np.unique(keys, return_inverse=True)
    return codes.reshape(keys.shape), len(values)


def _repeated(codes: np.ndarray, count: int) -> np.ndarray:
    """True for every row one of whose codes stands in another row too, (n,) bool."""
    if codes.size == 0:
        return np.zeros(len(codes), dtype=bool)
    # A text that a row holds twice (its anchor is its positive) is no repeat: count rows.
    ordered = np.sort(codes, axis=1)
    first = np.ones_like(ordered, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    rows = np.bincount(ordered[first], minlength=count)
    return np.logical_or.reduce(rows[codes] > 1, axis=1)
