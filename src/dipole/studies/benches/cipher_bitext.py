"""CipherBitext: parallel sentences of two made-up languages, whose true word links are known.

A random dictionary translates every source word, some by one of two words and some by two words in
a row. On the way words are dropped, words without a source are put in, and neighbours swap places
(or the order is free). Source words are drawn by Zipf's law, as words of texts are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dipole.aligning.words.bitext import Bitext
from dipole.aligning.words.links import Links
from dipole.aligning.words.measuring import Gold

FUNCTION_WORDS = 8


@dataclass(frozen=True)
class Planted:
    """Sentence pairs, their true links, and what every word means.

    meanings: source and target, a list of numbers per sentence: words of one number are
        translations; those of function words are negative.
    """

    bitext: Bitext
    links: list[Links]
    meanings: tuple[list[list[int]], list[list[int]]]

    @property
    def gold(self) -> Gold:
        """All links are sure."""
        return Gold(self.links, self.links)


def cipher_bitext(
    seed: int,
    pairs: int = 3000,
    *,
    lengths: tuple[int, int] = (5, 9),
    vocabulary: int = 300,
    order: Literal["local", "free"] = "local",
    dropped: float = 0.1,
    inserted: float = 0.1,
    strangers: bool = False,
) -> Planted:
    """Sentence pairs of the languages of a seed.

    Args:
        lengths: fewest and most words of a source sentence.
        order: "local": neighbours swap places with the chance 0.2; "free": any order.
        dropped: chance of a source word to have no translation.
        inserted: chance before every target word of one that has no source.
        strangers: such words are translations of words that the sentence does not have; else
            function words.

    Example:
        >>> planted = cipher_bitext(0, 100)
        >>> " ".join(planted.bitext.target[0]), sorted(planted.links[0])[:2]
        ("f3 t70 t252' t168 t214 t0", [(0, 1), (1, 4)])
    """
    rng = np.random.default_rng(seed)
    chances = 1 / (np.arange(vocabulary) + 10)
    chances /= chances.sum()
    names = rng.permutation(vocabulary)
    has_second = rng.random(vocabulary) < 0.15
    is_double = rng.random(vocabulary) < 0.1
    rows: tuple[list[list[str]], list[list[str]]] = ([], [])
    meanings: tuple[list[list[int]], list[list[int]]] = ([], [])
    links: list[Links] = []

    def translated(word: int) -> list[str]:
        if is_double[word]:
            return [f"t{names[word]}a", f"t{names[word]}b"]
        return [f"t{names[word]}" + ("'" if has_second[word] and rng.random() < 0.5 else "")]

    for _ in range(pairs):
        words = rng.choice(vocabulary, rng.integers(lengths[0], lengths[1] + 1), p=chances)
        stays = np.flatnonzero(rng.random(len(words)) >= dropped)
        target: list[tuple[str, int, int]] = []  # word, meaning, place of its source or -1
        for place in _ordered(stays, order, rng):
            while rng.random() < inserted:
                target.append(_without_source(words, vocabulary, strangers, translated, rng))
            word = int(words[place])
            target += [(text, word, int(place)) for text in translated(word)]
        rows[0].append([f"s{word}" for word in words])
        rows[1].append([text for text, _, _ in target])
        meanings[0].append(words.tolist())
        meanings[1].append([meaning for _, meaning, _ in target])
        links.append(frozenset((i, j) for j, (_, _, i) in enumerate(target) if i >= 0))
    return Planted(Bitext(*rows, name="CipherBitext"), links, meanings)


def word_vectors(
    planted: Planted, noise: float, seed: int, dim: int = 64
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Vectors of all words as an encoder of both languages would give them, (words, dim).

        v = concept of the meaning + noise g + 0.3 code of the place,   g and concept of length 1

    Lengths hold on average: g and concepts are normal, of the variance 1 / dim. The code is of
    sines and cosines of (i + 0.5) / n.
    """
    rng = np.random.default_rng([seed, 1])
    concepts: dict[int, np.ndarray] = {}

    def vectors(row: list[int]) -> np.ndarray:
        for word in row:
            if word not in concepts:
                concepts[word] = rng.normal(size=dim) / dim**0.5
        places = (np.arange(len(row))[:, None] + 0.5) / max(len(row), 1)
        angles = np.pi * places * np.arange(1, dim // 2 + 1) / 2
        code = np.concatenate([np.sin(angles), np.cos(angles)], axis=1) / (dim / 2) ** 0.5
        own = np.stack([concepts[word] for word in row]) if row else np.zeros((0, dim))
        return own + noise * rng.normal(size=(len(row), dim)) / dim**0.5 + 0.3 * code

    source, target = ([vectors(row) for row in side] for side in planted.meanings)
    return source, target


def _ordered(stays: np.ndarray, order: str, rng: np.random.Generator) -> np.ndarray:
    if order == "free":
        return rng.permutation(stays)
    places = stays.copy()
    for i in range(len(places) - 1):
        if rng.random() < 0.2:
            places[[i, i + 1]] = places[[i + 1, i]]
    return places


def _without_source(
    words: np.ndarray,
    vocabulary: int,
    strangers: bool,
    translated: Callable[[int], list[str]],
    rng: np.random.Generator,
) -> tuple[str, int, int]:
    if not strangers:
        word = int(rng.integers(FUNCTION_WORDS))
        return f"f{word}", -1 - word, -1
    word = int(rng.choice(np.setdiff1d(np.arange(vocabulary), words)))
    return translated(word)[0], word, -1
