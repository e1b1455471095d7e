"""BM25, the lexical baseline: how well do the words alone answer?"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping
from types import SimpleNamespace

import numpy as np

from dipole.data.inputs import check_text, described, real_number, whole_number
from dipole.errors import InputError, optional
from dipole.lexical.words import split_words

# The best on modules of `stdlib-code` (some are test modules now) in a grid of k1 1.2 to 2.5 and
# b 0.75 to 1, and
# within 0.003 nDCG@10 of that grid's best on the Cranfield abstracts. The usual 1.5 and 0.75 would
# cost the baseline 0.04 MRR@10 on code, and a baseline that was not tuned proves little.
K1 = 2.5
B = 1.0

# Parts of an identifier: HTTPServer_v2 -> HTTP, Server, v, 2.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class Words:
    """Text or code -> terms: words in lower case, stemmed, without English stop words.

    An identifier gives itself and its parts (split at case, underscore and digits), so that
    "parse the header" finds `parseHeader` and `parse_header`, and a name typed in full still counts
    most. Words of other scripts: `split_words`.

    >>> list(Words()("Returns parseHeader"))
    ['return', 'parsehead', 'pars', 'header']
    """

    def __init__(self) -> None:
        self._stem = optional("Stemmer", "search").Stemmer("english").stemWord
        self._stop = frozenset(optional("bm25s.stopwords", "search").STOPWORDS_EN_PLUS)
        self._known: dict[str, tuple[str, ...]] = {}

    def __call__(self, text: str, *, characters: bool = False) -> Iterator[str]:
        for word in split_words(text, characters=characters):
            terms = self._known.get(word)
            if terms is None:
                terms = self._known[word] = self._terms(word)
            yield from terms

    def _terms(self, word: str) -> tuple[str, ...]:
        # Case means parts in identifiers; a capital in another alphabet is a word's beginning.
        parts = _PART.findall(word) if word.isascii() else [p for p in word.split("_") if p]
        found = parts if len(parts) == 1 else [word, *parts]
        lower = [term.lower() for term in found]
        return tuple(self._stem(term) for term in lower if term not in self._stop)


class BM25:
    """An index of documents by their words.

        score(q, d) = sum over terms t of q:  idf(t) tf / (tf + k1 (1 - b + b |d| / mean |d|))
        idf(t) = log(1 + (n - n_t + 0.5) / (n_t + 0.5))

    Args:
        corpus: document id -> text.
        k1, b: how soon repetition stops to count; how much long documents are held back.

    Robertson, Zaragoza, The probabilistic relevance framework: BM25 and beyond, 2009; the idf is
    Lucene's, which is never negative. The package rank-bm25 has Okapi's, which is, and a factor
    k1 + 1: other scores.

    >>> index = BM25({"a": "def parse_header(line)", "b": "def close(self)"})
    >>> list(index.search({"q": "parse headers"})["q"])
    ['a']
    """

    def __init__(self, corpus: Mapping[str, str], k1: float = K1, b: float = B) -> None:
        bm25s = optional("bm25s", "search")

        k1, b = real_number(k1, "BM25: k1", 0), real_number(b, "BM25: b", 0, 1)
        _check_mapping(corpus, "the corpus is")
        if not corpus:
            raise InputError("the corpus has no documents; expected at least one")
        self.ids = list(corpus)
        self._words = Words()
        self._vocabulary: dict[str, int] = {}
        # Arrays of 4 bytes a term: lists of strings would cost more than the vectors of the corpus.
        terms = [
            array("i", (self._vocabulary.setdefault(w, len(self._vocabulary)) for w in words))
            for words in (
                self._words(text, characters=True) for text in _texts(corpus, "the corpus")
            )
        ]
        self._index = bm25s.BM25(k1=k1, b=b, method="lucene")
        if self._vocabulary:  # else no document has a word, and nothing is ever found
            self._index.index(
                SimpleNamespace(ids=terms, vocab=self._vocabulary),
                create_empty_token=False, show_progress=False,
            )  # fmt: skip

    def search(self, queries: Mapping[str, str], k: int = 100) -> dict[str, dict[str, float]]:
        """The k best documents of every query, best first, equal scores in the corpus' order.

        Only documents that share a word with the query come back, so it can be fewer than k.
        """
        k = whole_number(k, "BM25: k")
        _check_mapping(queries, "the queries are")
        for _ in _texts(queries, "the queries"):
            pass  # all are checked before the first is searched
        return {q: self._best(text, k) for q, text in queries.items()}

    def scores(self, text: str) -> np.ndarray:
        """The score of every document for one query, in the corpus' order, (m,); 0: no word."""
        terms = [self._vocabulary[w] for w in self._words(text) if w in self._vocabulary]
        if not terms:
            return np.zeros(len(self.ids), dtype=np.float32)
        found: np.ndarray = self._index.get_scores_from_ids(terms)
        return found

    def _best(self, text: str, k: int) -> dict[str, float]:
        scores = self.scores(text)
        found = np.flatnonzero(scores)
        if len(found) > k:
            last = np.partition(scores[found], -k)[-k]
            found = found[scores[found] >= last]
        order = found[np.argsort(-scores[found], kind="stable")[:k]]
        return {self.ids[j]: float(scores[j]) for j in order}


def _check_mapping(found: object, what: str) -> None:
    if not isinstance(found, Mapping):
        raise InputError(f"BM25: {what} {described(found)}; expected a mapping id -> text")


def _texts(found: Mapping[str, str], what: str) -> Iterator[str]:
    """The texts of a mapping, each checked; a mapping may read them from a file."""
    for place, text in enumerate(found.values()):
        if not isinstance(text, str) or not text.isascii():
            check_text(text, f"BM25: text {place + 1} of {what}")
        yield text
