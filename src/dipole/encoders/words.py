"""Text and code -> tokens: words, their parts, and the three-letter pieces of these."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_WORD = re.compile(r"[^\W\d_]+|\d+")
# Parts of an identifier: parseHTTPHeader -> parse, HTTP, Header.
_PART = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# Rows for tokens that were not there when the vocabulary was made.
UNSEEN = 8192


def words_of(text: str) -> list[str]:
    """Words in lower case; identifiers are split at underscores, digits and capitals.

    >>> words_of("def parseHTTP_header2(Línea):")
    ['def', 'parse', 'http', 'header', '2', 'línea']
    """
    words: list[str] = []
    for word in _WORD.findall(text):
        # Capitals mean parts in identifiers; in another alphabet they begin a word.
        words += _PART.findall(word) if word.isascii() else [word]
    return [word.lower() for word in words]


def tokens_of(word: str) -> list[str]:
    """A word and its pieces of three letters, its ends marked, so that inflections meet.

    >>> tokens_of("tree")
    ['tree', '#<tr', '#tre', '#ree', '#ee>']
    """
    marked = f"<{word}>"
    return [word, *(f"#{marked[i : i + 3]}" for i in range(len(marked) - 2))]


class Words:
    """A vocabulary of words and pieces; a token outside it falls into one of 8,192 hashed rows.

    The hash is crc32, the same in every process: a rare name that was never seen still has a
    vector of its own, nearly always, and so still finds itself.
    """

    kind = "words"

    def __init__(self, tokens: Sequence[str]) -> None:
        self.tokens = list(tokens)
        self.size = len(self.tokens) + UNSEEN
        self._row = {token: row for row, token in enumerate(self.tokens)}
        self._rows_of_word: dict[str, np.ndarray] = {}

    @classmethod
    def of(cls, texts: Iterable[str]) -> Words:
        """The vocabulary of some texts, in alphabetical order."""
        words = {word for text in texts for word in set(words_of(text))}
        return cls(sorted({token for word in words for token in tokens_of(word)}))

    def __call__(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """(rows, positions) of the tokens of a text; the position is that of the word."""
        rows = [self._rows(word) for word in words_of(text)]
        if not rows:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(rows), np.repeat(np.arange(len(rows)), [len(r) for r in rows])

    def _rows(self, word: str) -> np.ndarray:
        found = self._rows_of_word.get(word)
        if found is None:
            seen = len(self.tokens)
            found = np.array(
                [
                    self._row.get(token, seen + zlib.crc32(token.encode()) % UNSEEN)
                    for token in tokens_of(word)
                ]
            )
            if len(self._rows_of_word) < 2**18:  # words are few, numbers and hashes without end
                self._rows_of_word[word] = found
        return found


class Subwords:
    """The tokens of a `tokenizers` tokenizer; its own ids are the rows."""

    kind = "subwords"

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.size = int(tokenizer.get_vocab_size())

    @classmethod
    def of(cls, texts: Iterable[str], size: int = 30_000) -> Subwords:
        """A byte-pair encoding learned from texts, in lower case, so that nothing is unknown."""
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(texts, trainer)
        return cls(tokenizer)

    def __call__(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """(rows, positions) of the tokens of a text."""
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        return np.array(ids, dtype=np.int64), np.arange(len(ids))


Tokens = Words | Subwords
