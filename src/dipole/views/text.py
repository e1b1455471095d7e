"""Views of texts, before they are tokenised: words repeated, left out, in another order."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np

from dipole.errors import InputError
from dipole.kernels.draws import of_row
from dipole.lexical.words import is_unspaced, split_characters
from dipole.views.base import View, check_rate

Words = list[str]


class TextView(View):
    """A rendering of texts word by word; a subclass writes `edit(words, generator) -> words`.

    Words are what white space separates, and single characters of scripts without spaces (Chinese,
    Japanese, Thai ...); texts of fewer than two words stay as they are.
    """

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = check_rate(rate)

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        raise NotImplementedError

    def forward(self, inputs: list[str], generator: np.random.Generator) -> list[str]:
        """As many texts, each edited with draws of its own."""
        return each_text(inputs, self.edit, generator)


class WordRepetition(TextView):
    """Some words are written twice: length is no longer a sign of meaning.

    Of n words d ~ Uniform{0 ... max(2, floor(rate n))} (at most n), drawn without replacement, are
    repeated in place. The paper repeats pieces of words; here whole words are repeated, before
    any tokenizer. Its positive is ("same", "word-repetition").

    Source: Wu et al. 2021, ESimCSE (arXiv 2109.04380), section 3.1; rate 0.32.

    Example:
        >>> WordRepetition(0.5)(["to be or not to be"], np.random.default_rng(1))
        ['to to be or not to to be']
    """

    def __init__(self, rate: float = 0.32) -> None:
        super().__init__(rate)

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        """d words twice."""
        most = min(max(2, int(self.rate * len(words))), len(words))
        twice = generator.permutation(len(words))[: generator.integers(most + 1)]
        times = np.ones(len(words), dtype=np.int64)
        times[twice] = 2
        return [word for word, n in zip(words, times, strict=True) for _ in range(n)]


class WordDeletion(TextView):
    """Each word is left out with probability `rate`; one that is left stays.

    Source: CLEAR (arXiv 2012.15466), section 3.2; EDA (arXiv 1901.11196), rate 0.1.
    """

    def __init__(self, rate: float = 0.1) -> None:
        super().__init__(rate)

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        """What is left; if nothing is, one word at random."""
        draws = generator.random(len(words))
        kept = [word for word, draw in zip(words, draws, strict=True) if draw >= self.rate]
        return kept or [words[int(draws.argmax())]]


class SpanDeletion(TextView):
    """A run of round(rate n) words (at least one) is left out, anywhere in the text.

    Source: CLEAR (arXiv 2012.15466), section 3.2: span deletion.
    """

    def __init__(self, rate: float = 0.2) -> None:
        super().__init__(rate)

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        """The words before the span and those after it."""
        length = min(max(1, round(self.rate * len(words))), len(words) - 1)
        start = int(generator.integers(len(words) - length + 1))
        return words[:start] + words[start + length :]


class WordShuffle(TextView):
    """round(rate n) words (at least two) change places among themselves; the others stay.

    Source: CLEAR (arXiv 2012.15466), reordering; at a rate near 1 ConSERT's shuffle (2105.11741).
    """

    def __init__(self, rate: float = 0.3) -> None:
        super().__init__(rate)

    def edit(self, words: Words, generator: np.random.Generator) -> Words:
        """The same words in another order."""
        moved = max(2, round(self.rate * len(words)))
        places = generator.permutation(len(words))[:moved]
        shuffled = list(words)
        # A cycle: every chosen word leaves its place.
        for place, source in zip(places, np.roll(places, 1), strict=True):
            shuffled[place] = words[source]
        return shuffled


def each_text(
    inputs: list[str],
    edit: Callable[[Words, np.random.Generator], Words],
    generator: np.random.Generator,
) -> list[str]:
    """Texts with their words edited, joined as they were apart; short texts unchanged."""
    edited = []
    for number, text in enumerate(inputs):
        if not isinstance(text, str):
            raise InputError(
                f"view: input {number} is a {type(text).__name__}; expected a text: this view is "
                "for texts"
            )
        unspaced = is_unspaced(text)
        words = _characters(text) if unspaced else text.split()
        if len(words) < 2:
            edited.append(text)
            continue
        words = edit(words, of_row(generator, number))
        edited.append("".join(words).strip() if unspaced else " ".join(words))
    return edited


def _characters(text: str) -> Words:
    """Words with the blank that follows, and of words of scripts without spaces the characters."""
    found: Words = []
    for word in text.split():
        found += split_characters(word) if is_unspaced(word) else [word]
        found[-1] += " "
    return found
