"""Views by synonyms and by the order of words: the operations of EDA."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from dipole.errors import InputError
from dipole.kernels.draws import of_row
from dipole.lookup import find, is_place
from dipole.views.base import View, check_rate
from dipole.views.synonym_lexicon import SYNONYMS
from dipole.views.text import TextView, WordDeletion, Words

Thesaurus = Mapping[str, list[str]]


def read_thesaurus(source: str | None) -> Thesaurus:
    """Words and phrases in lower case, each with those that mean the same.

    source: a text file with a group of synonyms on each line, separated by commas; or
    `file.py:NAME`, a dict of words to lists; None: some 200 common English words.

    Raises:
        InputError: no such file, or a file without a group of two.

    Example:
        >>> read_thesaurus(None)["begin"]
        ['start', 'commence']
    """
    if source is None:
        return _of_lines(SYNONYMS)
    if is_place(source):
        found: Thesaurus = find("thesaurus", source, {}, instance=dict)
        return found
    return _of_file(Path(source))


@cache
def _of_file(path: Path) -> Thesaurus:
    try:
        known = _of_lines(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"view option thesaurus: cannot read {path} ({error}); expected a text file with a "
            "group of synonyms on each line, separated by commas"
        ) from None
    if not known:
        raise InputError(
            f"{path}: found no line with two words; expected a group of synonyms on each line, "
            "separated by commas"
        )
    return known


@cache
def _of_lines(text: str) -> Thesaurus:
    known: dict[str, list[str]] = {}
    for line in text.splitlines():
        group = list(dict.fromkeys(word.strip().lower() for word in line.split(",")))
        group = [word for word in group if word]
        for word in group if len(group) > 1 else []:
            others = known.setdefault(word, [])
            others += [other for other in group if other != word and other not in others]
    return known


class SynonymReplacement(TextView):
    """max(1, round(rate n)) of a text's n words become synonyms; those without one stay.

    Which of the known words, and which synonym, is drawn. thesaurus: see `read_thesaurus`.
    Source: Wei and Zou 2019, EDA (arXiv 1901.11196), rate 0.1; their thesaurus is WordNet.

    Example:
        >>> SynonymReplacement(0.5)(["begin a journey"], np.random.default_rng(0))
        ['commence a trip']
    """

    def __init__(self, rate: float = 0.1, thesaurus: str | None = None) -> None:
        super().__init__(rate)
        self.known = read_thesaurus(thesaurus)

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        """The words, some of them others."""
        found = list(words)
        places = [i for i, word in enumerate(words) if word.lower() in self.known]
        for i in generator.permutation(places)[: _count(self.rate, words)]:
            found[i] = drawn(self.known[words[i].lower()], generator)
        return found


class SynonymInsertion(TextView):
    """max(1, round(rate n)) times a synonym of one of the text's words comes in, anywhere.

    A text without a word that has one stays as it is. thesaurus: see `read_thesaurus`.
    Source: Wei and Zou 2019, EDA (arXiv 1901.11196): random insertion, rate 0.1.

    Example:
        >>> SynonymInsertion()(["begin a journey"], np.random.default_rng(0))
        ['begin a trip journey']
    """

    def __init__(self, rate: float = 0.1, thesaurus: str | None = None) -> None:
        super().__init__(rate)
        self.known = read_thesaurus(thesaurus)

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        """The words, and more."""
        places = [word for word in words if word.lower() in self.known]
        found = list(words)
        for _ in range(_count(self.rate, words) if places else 0):
            word = places[int(generator.integers(len(places)))]
            other = drawn(self.known[word.lower()], generator)
            found.insert(int(generator.integers(len(found) + 1)), other)
        return found


class WordSwap(TextView):
    """max(1, round(rate n)) times two words of the text change places.

    Source: Wei and Zou 2019, EDA (arXiv 1901.11196): random swap, rate 0.1.

    Example:
        >>> WordSwap()(["begin a journey"], np.random.default_rng(0))
        ['begin journey a']
    """

    def __init__(self, rate: float = 0.1) -> None:
        super().__init__(rate)

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        """The same words in another order."""
        found = list(words)
        for _ in range(_count(self.rate, words)):
            i, j = generator.choice(len(found), 2, replace=False)
            found[i], found[j] = found[j], found[i]
        return found


class EDA(View):
    """Easy data augmentation: each text is edited by one of four operations, drawn uniformly.

    Synonyms replaced or put in, words swapped or left out, all at `rate`; thesaurus: see
    `read_thesaurus`. Texts of fewer than two words stay as they are.
    Source: Wei and Zou 2019, EDA: Easy Data Augmentation Techniques for Boosting Performance on
    Text Classification Tasks, arXiv 1901.11196; rate 0.1.

    Example:
        >>> EDA()(["begin a long journey today"], np.random.default_rng(3))
        ['begin a long today']
    """

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def __init__(self, rate: float = 0.1, thesaurus: str | None = None) -> None:
        super().__init__()
        check_rate(rate)
        self.edits: list[TextView] = [
            SynonymReplacement(rate, thesaurus), SynonymInsertion(rate, thesaurus),
            WordSwap(rate), WordDeletion(rate),
        ]  # fmt: skip

    def forward(self, inputs: list[str], generator: np.random.Generator) -> list[str]:
        """As many texts, each edited in one way."""
        found = []
        for number, text in enumerate(inputs):
            rng = of_row(generator, number)
            edit = self.edits[int(rng.integers(len(self.edits)))]
            # A view inside a view draws the numbers of this row, from where they are.
            found += edit([text], np.random.Generator(rng.bit_generator))
        return found


def drawn(others: list[str], generator: np.random.Generator) -> str:
    """One of several."""
    return others[int(generator.integers(len(others)))]


def _count(rate: float, words: Words) -> int:
    return max(1, round(rate * len(words)))
