from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.data.rows import BadValueError, join_title, number_of, shown, text_of, texts_of


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9))
def test_a_number_written_as_text_is_that_number(number: float) -> None:
    assert number_of(str(number), "score") == number_of(number, "score") == number


@pytest.mark.parametrize("value", [math.nan, math.inf, "NaN", "x", "", None, True, [1], 10**400])
def test_other_values_are_no_scores(value: object) -> None:
    with pytest.raises(
        BadValueError, match=r"column 'score': found .*; expected a (finite )?number"
    ):
        number_of(value, "score")


def test_a_passage_is_its_title_and_text() -> None:
    assert text_of({"title": "T", "text": "x"}, "c") == "T x"
    assert text_of({"title": "", "text": "x"}, "c") == "x"
    assert text_of({"text": "x"}, "c") == "x"
    assert texts_of([{"title": "T", "text": "x"}, "y"], "c") == ["T x", "y"]
    assert join_title("T", "") == "T"
    with pytest.raises(BadValueError, match="found an object; expected text"):
        text_of({"title": "T"}, "c")


def test_values_are_shown_short_and_on_one_line() -> None:
    assert shown(None) == "null"
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 999)) == 60
