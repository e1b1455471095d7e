from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.views.text_hard_negatives import RULES, hard_negatives

CAPTION = "A red cup stands on a wooden table, in front of two dogs."


def every(rule: str, text: str, n: int = 200) -> set[str | None]:
    """All that a rule makes of a text."""
    return {RULES[rule](text, np.random.default_rng(seed)) for seed in range(n)}


@pytest.mark.parametrize(
    ("rule", "text", "made"),
    [
        ("swap", "a red cup on a blue table", {"a blue cup on a red table"}),
        ("swap", "a dog chases a cat", {"a cat chases a dog"}),
        ("swap", "two dogs and three cats", {"two cats and three dogs"}),
        ("swap", "an orange cup, a blue bowl", {"a blue cup, an orange bowl"}),
        ("swap", "a big red cup", {None}),  # big and red say the same in any order
        ("replace", "open doors, hot", {"closed doors, hot", "open doors, cold"}),
        ("replace", "large houses", {"small houses"}),
        ("replace", "The trees", {"The flowers"}),
        ("relation", "The cup is to the left of it", {"The cup is to the right of it"}),
        ("relation", "lunch before work", {"lunch after work"}),
        ("negation", "The door is open.", {"The door is not open."}),
        ("negation", "The door is not open.", {"The door is open."}),
        ("negation", "a man with a hat", {"a man without a hat"}),
        ("negation", "Without doubt", {"With doubt"}),
        ("negation", "A dog barks", {"No dog barks"}),
        ("shuffle", "two words", {None}),
        *((rule, text, {None}) for rule in RULES for text in ("", "?!", "xyz")),
    ],
)  # fmt: skip
def test_a_rule_makes_what_is_expected(rule: str, text: str, made: set[str | None]) -> None:
    assert every(rule, text) == made


def test_a_shuffle_keeps_every_word_and_the_sentence_s_form() -> None:
    for text in every("shuffle", CAPTION):
        assert text is not None
        assert text != CAPTION
        assert text[0].isupper()
        assert text.endswith(".")
        assert words_of(text) == words_of(CAPTION)


def words_of(text: str) -> Counter[str]:
    words = text.lower().replace(",", "").replace(".", "").split()
    return Counter("a" if word == "an" else word for word in words)


def test_function_words_stay_where_they_are_in_a_shuffle() -> None:
    for text in every("shuffle", "the cup under the lamp of the clown"):
        assert text is not None
        words = text.split()
        assert [words[i] for i in (0, 2, 3, 5, 6)] == ["the", "under", "the", "of", "the"]
        assert sorted([words[1], words[4], words[7]]) == ["clown", "cup", "lamp"]
        assert text != "the cup under the lamp of the clown"


def test_negatives_differ_from_the_text_and_from_each_other() -> None:
    rows = hard_negatives([CAPTION] * 50, np.random.default_rng(0), count=4)
    for row in rows:
        assert len(row) == len(set(row)) == 4
        assert CAPTION not in row
    assert len({tuple(row) for row in rows}) > 30


def test_a_text_that_few_rules_know_has_fewer() -> None:
    assert hard_negatives(["hello", ""], np.random.default_rng(0)) == [[], []]


def test_any_function_is_a_rule_and_one_that_changes_case_only_makes_nothing() -> None:
    rules = {"ask": lambda text, generator: text + "?", "shout": lambda text, _: text.upper()}
    assert hard_negatives(["so"], np.random.default_rng(0), rules=rules) == [["so?"]]


def test_the_generator_decides() -> None:
    first, second = (hard_negatives([CAPTION] * 9, np.random.default_rng(4)) for _ in range(2))
    assert first == second


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="count: found 0; expected at least 1"):
        hard_negatives(["a"], np.random.default_rng(0), count=0)
