"""The texts that may become negatives, and which of them belong to which anchor."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from dipole.errors import InputError


class Pool:
    """The different texts among the positives and a corpus, each once, in order of appearance.

    Texts that are the same (`data.same`) up to case are one text: a copy of a positive is never
    found as a negative. Texts stay where they are (a memory-mapped column, a list); the pool holds
    24 bytes for each.

    of_positive: (n,) the place in the pool of every row's positive.

    >>> pool = Pool(["a cat", "A  cat", "a dog"], corpus=["a bird"])
    >>> len(pool), pool.of_positive.tolist(), pool.take(np.array([0, 2]))
    (3, [0, 0, 1], ['a cat', 'a bird'])
    """

    def __init__(self, positives: Sequence[str], corpus: Sequence[str] = ()) -> None:
        if not len(positives):
            raise InputError("mining: found no examples; expected pairs of anchor and positive")
        self._parts = (positives, corpus)
        keys = np.concatenate([folded_keys(part) for part in self._parts])
        values, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        self._rows = first[order]
        self._sorted, self._place = values, place
        self.of_positive: np.ndarray = place[inverse[: len(positives)]]

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, places: np.ndarray) -> list[str]:
        """The texts at these places of the pool."""
        rows = self._rows[places]
        count = len(self._parts[0])
        is_positive = rows < count
        texts: list[Any] = [None] * len(rows)
        for part, chosen, shift in zip(
            self._parts, (is_positive, ~is_positive), (0, count), strict=True
        ):
            where = np.flatnonzero(chosen)
            for place, text in zip(where, take(part, rows[where] - shift), strict=True):
                texts[place] = text
        return texts

    def digest(self) -> str:
        """What the texts are, in their order: vectors of this pool are vectors of no other."""
        from dipole.data.same import exact_key

        found = blake2b(digest_size=16)
        for start in range(0, len(self), 4096):
            for text in self.take(np.arange(start, min(start + 4096, len(self)))):
                found.update(exact_key(text).to_bytes(8, "little"))
        return found.hexdigest()

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The place of each folded key, -1 where the pool has no such text."""
        at = np.searchsorted(self._sorted, keys).clip(max=len(self._sorted) - 1)
        return np.where(self._sorted[at] == keys, self._place[at], -1)


class Known:
    """Which texts of a pool are no negatives of a row: what any row pairs with its anchor, and that
    itself.

    Two rows with one anchor share their positives, as judgements of a query do; and where the
    anchor is another row's positive, that row's anchor belongs to it.
    """

    def __init__(self, pool: Pool, anchors: Sequence[str]) -> None:
        keys = folded_keys(anchors)
        texts, self._group = np.unique(keys, return_inverse=True)
        self._size = len(pool)
        pairs = self._group * self._size + pool.of_positive
        # The other way round: rows whose positive is an anchor, and whose anchor is in the pool.
        places = pool.find(texts)
        group_of = np.full(self._size, -1)
        group_of[places[places >= 0]] = np.flatnonzero(places >= 0)
        turned, back = group_of[pool.of_positive], pool.find(keys)
        both = (turned >= 0) & (back >= 0)
        self._pairs = np.unique(np.concatenate([pairs, turned[both] * self._size + back[both]]))
        self._itself = back
        groups = self._pairs // self._size
        self.positives: np.ndarray = np.bincount(groups)[self._group]

    def among(self, rows: np.ndarray, documents: np.ndarray) -> np.ndarray:
        """(b, k) bool: True where a document (-1: none) is no negative of its row."""
        codes = self._group[rows][:, None] * self._size + documents
        at = np.searchsorted(self._pairs, codes).clip(max=len(self._pairs) - 1)
        itself = documents == self._itself[rows][:, None]
        return (self._pairs[at] == codes) | itself | (documents < 0)


def folded_keys(texts: Sequence[str]) -> np.ndarray:
    """(n,) uint64 content hashes that do not see case either."""
    from dipole.data import Column, content_key

    contents = texts.contents() if isinstance(texts, Column) else texts  # images by their paths
    keys = (content_key(x.casefold() if isinstance(x, str) else x) for x in contents)
    return np.fromiter(keys, np.uint64, len(texts))


def take(texts: Sequence[str], rows: np.ndarray) -> list[str]:
    """Texts by row number; a column reads them at once."""
    reader = getattr(texts, "take", None)
    return list(reader(rows)) if reader is not None else [texts[int(row)] for row in rows]
