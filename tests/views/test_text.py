from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from scipy.stats import chisquare

from dipole.errors import InputError
from dipole.views.text import SpanDeletion, TextView, WordDeletion, WordRepetition, WordShuffle

# Every word of a text is there once, so that a word says where it was.
TEXT = " ".join(f"w{i}" for i in range(20))
WORDS = TEXT.split()


def many(view: TextView, text: str = TEXT, n: int = 400) -> list[list[str]]:
    return [t.split() for t in view([text] * n, np.random.default_rng(0))]


def test_words_are_repeated_in_place_and_none_is_lost() -> None:
    numbers = Counter()
    for words in many(WordRepetition(0.32)):
        doubled = [a for a, b in pairwise(words) if a == b]
        assert [w for i, w in enumerate(words) if not i or w != words[i - 1]] == WORDS
        assert len(words) == len(WORDS) + len(doubled)
        numbers[len(doubled)] += 1
    # Uniform on 0 ... floor(0.32 * 20) = 6.
    assert set(numbers) == set(range(7))
    assert chisquare(list(numbers.values())).pvalue > 1e-3


def test_a_short_text_may_have_two_words_repeated() -> None:
    assert {len(words) for words in many(WordRepetition(0.32), "a b")} == {2, 3, 4}


def test_a_tenth_of_the_words_is_deleted_and_never_all() -> None:
    found = many(WordDeletion(0.1))
    assert np.isclose(np.mean([len(words) for words in found]), 18, atol=0.3)
    assert all(words == [w for w in WORDS if w in words] for words in found)
    assert {len(words) for words in many(WordDeletion(0.99), "a b")} == {1}


def test_a_deleted_span_is_one_run_of_words() -> None:
    starts = Counter()
    for words in many(SpanDeletion(0.2)):
        missing = [i for i, w in enumerate(WORDS) if w not in words]
        assert missing == list(range(missing[0], missing[0] + 4))
        starts[missing[0]] += 1
    assert set(starts) == set(range(17))
    assert {tuple(words) for words in many(SpanDeletion(0.99), "a b")} == {("a",), ("b",)}


def test_a_shuffle_moves_as_many_words_as_asked() -> None:
    for words in many(WordShuffle(0.3)):
        assert sorted(words) == sorted(WORDS)
        assert sum(a != b for a, b in zip(words, WORDS, strict=True)) == 6


@pytest.mark.parametrize("view", [WordRepetition(), WordDeletion(), SpanDeletion(), WordShuffle()])
def test_the_generator_decides_and_short_texts_stay(view: TextView) -> None:
    texts = [TEXT, "", "one", "  spaced  "] * 3
    first = view(texts, np.random.default_rng(1))
    assert first == view(texts, np.random.default_rng(1))
    assert first != view(texts, np.random.default_rng(2))
    assert first[1:4] == ["", "one", "  spaced  "]
    assert len({first[0], first[4], first[8]}) > 1  # every text draws its own


@pytest.mark.parametrize("rate", [0, 1, -0.1])
def test_a_rate_out_of_range_is_refused(rate: float) -> None:
    with pytest.raises(InputError, match=r"view option rate: found .*; expected above 0 and"):
        WordDeletion(rate)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="view: input 1 is a ndarray; expected a text"):
        WordShuffle()(["a b", np.zeros(2)], np.random.default_rng(0))  # type: ignore[list-item]


def test_texts_without_spaces_are_edited_by_their_characters() -> None:
    text = "国際標準化に関する動向"
    for view in (WordRepetition(0.9), WordDeletion(0.5), SpanDeletion(0.3), WordShuffle(0.9)):
        assert len(set(view([text] * 20, np.random.default_rng(0)))) > 3
    mixed = "BM25 と हिन्दी 한국어 国際標準"
    for shuffled in WordShuffle(0.9)([mixed] * 20, np.random.default_rng(0)):
        assert "BM25" in shuffled
        assert "한국어" in shuffled
        assert "हिन्दी" in shuffled  # only scripts without spaces are taken apart
        assert sorted(shuffled.replace(" ", "")) == sorted(mixed.replace(" ", ""))
