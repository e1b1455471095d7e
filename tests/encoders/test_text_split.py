from hypothesis import given
from hypothesis import strategies as st

from dipole.encoders.text_split import split_words


def test_identifiers_come_apart() -> None:
    text = "HTTPServer_v2.getText(max_len=10) ABC aB Ab x9y"
    expected = "http server v 2 get text max len 10 abc a b ab x 9 y"
    assert split_words(text) == expected.split()


def test_only_ascii_is_split_at_case() -> None:
    assert split_words("Größe МояФункция naïveText") == ["größe", "мояфункция", "naïvetext"]


def test_nothing_but_signs_has_no_words() -> None:
    assert split_words(" ... __ \n() 😀") == []


@given(st.text())
def test_every_letter_and_digit_is_in_some_word(text: str) -> None:
    kept = [c for c in text if c.isalpha() or c.isdecimal()]
    found = "".join(split_words(text))
    assert all(c.lower() in found for c in kept)
