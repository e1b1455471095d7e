"""The words of a bitext that stand in one pair of sentences, and their translation table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from dipole.aligning.words.bitext import Bitext
from dipole.aligning.words.links import Links

# Cells (a target word beside a source word) that are worked on at once: 8 MB of float64 each array.
BLOCK = 1_000_000


@dataclass(frozen=True)
class Group:
    """Sentence pairs of one length: l source words, n target words.

    rows: (b,) their places in the bitext.
    pairs: (b, n, l + 1) which entry of the table each target word has with NULL (place 0) and with
        the source words (places 1 to l).
    """

    rows: np.ndarray
    pairs: np.ndarray

    @property
    def distance(self) -> np.ndarray:
        """(n, l): -|i / l - j / n|, how far from the diagonal, places counted from 1."""
        n, l = self.pairs.shape[1], self.pairs.shape[2] - 1
        source, target = np.arange(1, l + 1) / l, np.arange(1, n + 1) / n
        return -np.abs(source[None, :] - target[:, None])


@dataclass(frozen=True)
class Cooccurring:
    """All groups of a bitext, and the table's entries: only words that meet have one.

    source, target: (entries,) number of each entry's words; source word 0 is NULL.
    words: number -> word of the source side (without NULL) and of the target side.
    """

    groups: Sequence[Group]
    source: np.ndarray
    target: np.ndarray
    words: tuple[Sequence[str], Sequence[str]]
    sentences: int

    @classmethod
    def of(cls, bitext: Bitext) -> Cooccurring:
        """Of a bitext; pairs with an empty side are in no group."""
        ours, one = _numbers(bitext.source, first=1)
        theirs, other = _numbers(bitext.target, first=0)
        lengths = np.array([(len(a), len(b)) for a, b in zip(ours, theirs, strict=True)])
        there = np.flatnonzero(lengths.all(axis=1))
        blocks = [
            (
                rows,
                np.array([[0, *ours[row]] for row in rows], np.int64),
                np.array([theirs[row] for row in rows], np.int64),
            )
            for rows in _blocks(there, lengths)
        ]
        keys = np.unique(np.concatenate([np.unique(_keys(a, b, other)) for _, a, b in blocks]))
        small = np.int32 if len(keys) < 2**31 else np.int64
        groups = [
            Group(rows, np.searchsorted(keys, _keys(a, b, other)).astype(small))
            for rows, a, b in blocks
        ]
        size = max(len(other), 1)
        words = (list(one), list(other))
        return cls(groups, keys // size, keys % size, words, len(bitext))

    def sums(self, entries: np.ndarray) -> np.ndarray:
        """For each entry the sum over its source word's entries."""
        return np.bincount(self.source, entries, minlength=1)[self.source]

    def links(self, best: Iterator[tuple[Group, np.ndarray]]) -> list[Links]:
        """The links of every sentence pair, of the best place (b, n) of every target word."""
        found: list[Links] = [frozenset()] * self.sentences
        for group, places in best:
            for row, own in zip(group.rows, places.tolist(), strict=True):
                found[row] = frozenset((i - 1, j) for j, i in enumerate(own) if i > 0)
        return found


@dataclass(frozen=True)
class Fitted:
    """What an aligner learnt in one direction.

    links: of every sentence pair, at most one source word for a target word.
    log_likelihoods: one for every pass over the bitext, natural logarithm, before its update.
    table: t(target | source), as far as the two meet.
    """

    links: list[Links]
    log_likelihoods: list[float]
    entries: Cooccurring
    probabilities: np.ndarray

    @property
    def table(self) -> dict[tuple[str | None, str], float]:
        """(source word, target word) -> probability; the source word None is NULL."""
        one, other = self.entries.words
        names = [None, *one]
        pairs = zip(self.entries.source, self.entries.target, self.probabilities, strict=True)
        return {(names[a], other[b]): float(p) for a, b, p in pairs}


def _numbers(side: Sequence[Sequence[str]], first: int) -> tuple[list[list[int]], dict[str, int]]:
    known: dict[str, int] = {}
    return [[known.setdefault(w, len(known) + first) for w in words] for words in side], known


def _blocks(rows: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Rows of equal lengths, so many that they have at most a block of cells."""
    order = rows[np.lexsort((lengths[rows, 1], lengths[rows, 0]))]
    ends = np.flatnonzero(np.diff(lengths[order], axis=0).any(axis=1)) + 1
    for same in np.split(order, ends):
        l, n = lengths[same[0]]
        size = max(1, BLOCK // int((l + 1) * n))
        yield from (same[start : start + size] for start in range(0, len(same), size))


def _keys(source: np.ndarray, target: np.ndarray, words: dict[str, int]) -> np.ndarray:
    return source[:, None, :] * max(len(words), 1) + target[:, :, None]
