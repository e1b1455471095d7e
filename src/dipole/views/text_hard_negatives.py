"""Hard negatives of a text by rules: nearly the same words, another meaning.

A rule is any function `(text, generator) -> text or None`, None where it does not apply; a language
model behind such a function is one too. The rules here know English captions: they have a list of
words and no grammar, so now and then what they make is odd, and what they do not know they leave.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from dipole.errors import InputError
from dipole.views.text_lexicon import (
    ACTIONS,
    ATTRIBUTES,
    AUXILIARIES,
    FUNCTION_WORDS,
    NUMBERS,
    RELATIONS,
    THINGS,
    groups,
)

Rule = Callable[[str, np.random.Generator], str | None]

_BETWEEN = re.compile(r"([^\w'’-]+)")  # what separates words
_ATTRIBUTES = groups(ATTRIBUTES)
_THINGS = groups(THINGS)
_QUALIFIERS = groups(ATTRIBUTES, NUMBERS)
_REPLACED = groups(ATTRIBUTES, THINGS, ACTIONS, NUMBERS)
_RELATION = re.compile(rf"\b({'|'.join(sorted(RELATIONS, key=len, reverse=True))})\b", re.I)
_NEGATED = re.compile(r"\b(without|with|not |no |never )", re.I)
_AUXILIARY = re.compile(rf"\b({'|'.join(AUXILIARIES)})\b", re.I)
_ARTICLE = re.compile(r"\b(a|an|some)\b", re.I)


def hard_negatives(
    texts: Sequence[str],
    generator: np.random.Generator,
    *,
    count: int = 4,
    rules: Mapping[str, Rule] | None = None,
) -> list[list[str]]:
    """Up to `count` negatives of every text, each by another rule, rules in random order.

    A text that few rules apply to has fewer. None equals its text (but for case), and no two are
    alike. They are the `negatives` of `dipole.data.Triplets`.

    Source: Hu et al. 2025, DeGLA (arXiv 2504.16801): five kinds of negatives, made there by a
    language model; 4 for a caption.

    Example:
        >>> hard_negatives(["a red cup on a table"], np.random.default_rng(0), count=2)
        [['a blue cup on a table', 'no red cup on a table']]
    """
    rules = RULES if rules is None else rules
    if count < 1:
        raise InputError(f"count: found {count}; expected at least 1")
    found = []
    for text in texts:
        made: dict[str, str] = {}
        for name in generator.permutation(list(rules)):
            negative = rules[str(name)](text, generator)
            if negative is not None and negative.lower() != text.lower():
                made.setdefault(negative.lower(), negative)
        found.append(list(made.values())[:count])
    return found


def shuffled(text: str, generator: np.random.Generator) -> str | None:
    """Content words in each other's places, at least two of them moved."""
    words, between = _split(text)
    places = [i for i, word in enumerate(words) if word and word.lower() not in FUNCTION_WORDS]
    if len({words[i].lower() for i in places}) < 3:
        return None  # two words would be a swap
    order = generator.permutation(places)
    if [words[i] for i in order] == [words[i] for i in places]:
        order = np.roll(order, 1)
    return _joined(text, _moved(words, dict(zip(places, order.tolist(), strict=True))), between)


def swapped(text: str, generator: np.random.Generator) -> str | None:
    """Two attributes exchanged, or else two things: "a red cup, a blue bowl" the other way."""
    words, between = _split(text)
    attributes = [i for i, word in enumerate(words) if word.lower() in _ATTRIBUTES]
    for places in (attributes, _heads(words)):
        pairs = [(i, j) for i in places for j in places if i < j and _differ(words, i, j)]
        if pairs:
            i, j = pairs[generator.integers(len(pairs))]
            return _joined(text, _moved(words, {i: j, j: i}), between)
    return None


def replaced(text: str, generator: np.random.Generator) -> str | None:
    """One attribute, thing, action or number replaced by another of its kind."""
    words, between = _split(text)
    known = [(i, others) for i, word in enumerate(words) if (others := _others(word))]
    if not known:
        return None
    place, others = known[generator.integers(len(known))]
    words[place] = others[generator.integers(len(others))]
    return _joined(text, words, between)


def related(text: str, generator: np.random.Generator) -> str | None:
    """One relation in space or time turned round: on - under, before - after."""
    matches = list(_RELATION.finditer(text))
    if not matches:
        return None
    match = matches[generator.integers(len(matches))]
    return _with(text, match, RELATIONS[match[1].lower()])


def negated(text: str, generator: np.random.Generator) -> str | None:
    """A negation put in or taken out: "is" - "is not", "with" - "without", "a dog" - "no dog"."""
    if match := _NEGATED.search(text):
        word = match[1].lower()
        return _with(text, match, {"with": "without", "without": "with"}.get(word, ""))
    if match := _AUXILIARY.search(text):
        return _with(text, match, match[1] + " not")
    if match := _ARTICLE.search(text):
        return _with(text, match, "no")
    return None


RULES: dict[str, Rule] = {
    "shuffle": shuffled,
    "swap": swapped,
    "replace": replaced,
    "relation": related,
    "negation": negated,
}


def _split(text: str) -> tuple[list[str], list[str]]:
    """Words and what stands between them; there is one more word, perhaps empty ones at the ends.

    A capital at the beginning is the sentence's, not the word's.
    """
    parts = _BETWEEN.split(text)
    words = parts[::2]
    first = next((i for i, word in enumerate(words) if word), None)
    if first is not None and words[first][1:].islower():
        words[first] = words[first].lower()
    return words, parts[1::2]


def _joined(text: str, words: list[str], between: list[str]) -> str:
    return _tidy(text, words[0] + "".join(b + w for b, w in zip(between, words[1:], strict=True)))


def _with(text: str, match: re.Match[str], new: str) -> str:
    return _tidy(text, text[: match.start()] + new + text[match.end() :])


def _tidy(original: str, text: str) -> str:
    """a or an, and a capital where the original began with one: no sign of an edit but the edit."""
    text = re.sub(r"\b([Aa])n?(?=\s+([a-z]))", _article, text, flags=re.I)
    return text[:1].upper() + text[1:] if original[:1].isupper() else text


def _article(match: re.Match[str]) -> str:
    return match[1] + ("n" if match[2].lower() in "aeiou" else "")


def _moved(words: list[str], source: dict[int, int]) -> list[str]:
    return [words[source.get(i, i)] for i in range(len(words))]


def _differ(words: list[str], i: int, j: int) -> bool:
    """Whether two words differ and stand in different phrases: a big red cup is a red big one."""
    between = words[i + 1 : j]
    return words[i].lower() != words[j].lower() and any(
        word.lower() in FUNCTION_WORDS for word in between
    )


def _others(word: str) -> list[str]:
    """The rest of a word's group, in the plural if the word is."""
    lower = word.lower()
    if lower in _REPLACED:
        return _REPLACED[lower]
    if lower.endswith("s") and lower[:-1] in _THINGS:
        return [other + "s" for other in _THINGS[lower[:-1]]]
    return []


def _heads(words: list[str]) -> list[int]:
    """Where the last noun of each phrase stands; a phrase ends at a function word.

    Without a grammar: behind a word that is no attribute, what ends like a verb is taken for one.
    """
    heads: list[int] = []
    before = ""  # the word before, within the phrase
    for i, word in enumerate(words):
        lower = word.lower()
        if not word or lower in FUNCTION_WORDS:
            before = ""
            continue
        is_verb = bool(before) and before not in _QUALIFIERS and lower.endswith(("s", "ing", "ed"))
        if not is_verb and lower not in _QUALIFIERS and not lower.endswith("ing"):
            if before and heads and heads[-1] == i - 1:
                heads.pop()
            heads.append(i)
        before = lower
    return heads
