"""Words and character n-grams -> rows of a table, by a hash that is the same everywhere."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dipole.data.inputs import whole_number
from dipole.encoders.text_split import split_words


def word_hashes(word: str, grams: Sequence[int]) -> list[int]:
    """The hash of a word and of each character n-gram of `<word>`, crc32 of UTF-8.

    The length stands before an n-gram, so that none is taken for a word.

    >>> len(word_hashes("open", grams=(3,)))  # open, <op, ope, pen, en>
    5
    """
    padded = f"<{word}>"
    pieces = [word]
    for n in grams:
        pieces += [f"{n}:{padded[i : i + n]}" for i in range(len(padded) - n + 1)]
    return [zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces]


class HashedWords:
    """A text's words (`split_words`) and their character n-grams, as rows of a table.

    A token known from the training texts has a row of its own; every other token shares one of
    `buckets` rows, chosen by its hash. Rows of unknown tokens are random vectors: a name that was
    never seen in training still finds itself.

    Args:
        known: the hashes of the known tokens, ascending, (v,) int64; their order is that of rows.
        grams: lengths of the n-grams.
        buckets: rows for all other tokens.

    Weinberger et al., Feature hashing for large scale multitask learning, 2009; n-grams as in
    Bojanowski et al., Enriching word vectors with subword information, 2017.
    """

    def __init__(self, known: np.ndarray, grams: Sequence[int] = (3,), buckets: int = 8192) -> None:
        whole_number(buckets, "HashedWords: buckets")
        for length in grams:
            whole_number(length, "HashedWords: grams")
        self.known = np.ascontiguousarray(known, dtype=np.int64)
        self.grams = tuple(grams)
        self.buckets = buckets
        self._rows: dict[str, np.ndarray] = {}

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        size: int = 65_536,
        grams: Sequence[int] = (3,),
        buckets: int = 8192,
    ) -> HashedWords:
        """The tokens of these texts become the known ones; the `size` most frequent, if more."""
        words: Counter[str] = Counter()
        for text in texts:
            words.update(split_words(text))
        counts: Counter[int] = Counter()
        for word, count in words.items():
            for token in word_hashes(word, grams):
                counts[token] += count
        kept = sorted(counts, key=lambda token: (-counts[token], token))[:size]
        return cls(np.array(sorted(kept), dtype=np.int64), grams, buckets)

    @property
    def size(self) -> int:
        """Rows of the table."""
        return len(self.known) + self.buckets

    def __call__(self, texts: Sequence[str]) -> list[tuple[np.ndarray, np.ndarray]]:
        """For every text its rows and the number of the word each belongs to, both (t,) int64."""
        return [self._tokens(text) for text in texts]

    def _tokens(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        rows = [self._rows_of(word) for word in split_words(text)]
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(r) for r in rows])

    def _rows_of(self, word: str) -> np.ndarray:
        rows = self._rows.get(word)
        if rows is None:
            hashes = np.array(word_hashes(word, self.grams), dtype=np.int64)
            place = np.searchsorted(self.known, hashes)
            if len(self.known):
                found = self.known[np.minimum(place, len(self.known) - 1)] == hashes
            else:
                found = np.zeros(len(hashes), dtype=bool)
            rows = np.where(found, place, len(self.known) + hashes % self.buckets)
            if len(self._rows) < _REMEMBERED:
                self._rows[word] = rows
        return rows

    def settings(self) -> dict[str, Any]:
        """What `config.json` says of it; the known hashes are saved beside the weights."""
        return {"kind": "hashed", "grams": list(self.grams), "buckets": self.buckets}


# Words whose rows are kept at hand, at most: some 100 MB.
_REMEMBERED = 500_000
