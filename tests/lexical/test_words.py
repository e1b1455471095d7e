import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.lexical.words import is_unspaced, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("parse_header(x)", "parse_header x"),
        ("हिन्दी संख्या", "हिन्दी संख्या"),
        ("国際標準化", "国際 際標 標準 準化"),
        ("猫", "猫"),
        ("Python教程3", "Python 教程 3"),
        ("ｶﾞｲﾄﾞ", "ガイ イド"),
        ("API를", "API 를"),
        ("မြန်မာ", "မြန် န်မာ"),
        ("naïve nai\u0308ve", "naïve naïve"),
        ("co\u00adoperate", "cooperate"),
        ("ភាសា\u200bខ្មែរ", "ភាសា ខ្មែរ"),
        ("。、！ \u0301", ""),
    ],
)
def test_words(text, words):
    assert list(split_words(text)) == words.split()


def test_documents_give_every_character_too():
    assert list(split_words("国際 x", characters=True)) == ["国", "際", "国際", "x"]
    assert list(split_words("猫", characters=True)) == ["猫"]


@given(st.text(alphabet=st.characters(max_codepoint=127)))
def test_ascii_is_split_as_ever(text):
    assert list(split_words(text)) == re.findall(r"\w+", text)
    assert not is_unspaced(text)


@given(st.text())
def test_composed_and_decomposed_texts_have_the_same_words(text):
    import unicodedata

    forms = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    assert list(split_words(forms[0])) == list(split_words(forms[1]))
