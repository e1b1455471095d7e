"""One definition of the same text; what must be exact is exact."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dipole.data import Labeled, Pairs, content_key
from dipole.data.retrieval import retrieval_from_pairs
from dipole.data.same import exact_key, same_text

CAFE = "Caf\u00e9 Gr\u00f6\u00dfe"
FORMS = [
    CAFE,
    unicodedata.normalize("NFD", CAFE),
    f"  {CAFE}\n",
    CAFE.replace(" ", "\u00a0"),
    CAFE.replace(" ", "\t \r\n"),
]


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_one_text(form):
    assert same_text(form) == CAFE
    assert content_key(form) == content_key(CAFE)
    assert content_key([form, "x"]) == content_key([CAFE, "x"])


def test_case_and_letters_are_content():
    assert len({content_key(text) for text in (CAFE, CAFE.lower(), CAFE[:-1], "Cafe Grosse")}) == 4


def test_an_exact_key_tells_forms_apart():
    assert len({exact_key(text) for text in FORMS}) == len(FORMS)
    assert exact_key("plain text") == content_key("plain text")


@given(st.text())
def test_the_form_is_the_same_again(text):
    assert same_text(same_text(text)) == same_text(text)
    assert same_text(f"\n{text} ") == same_text(text)


def test_a_class_is_named_to_the_last_character():
    labeled = Labeled.from_columns({"input": FORMS[:2], "label": ["a b", "a  b"]})
    assert len(np.unique(labeled.keys("input"))) == 1
    assert len(np.unique(labeled.keys("label", exact=True))) == 2


def test_one_document_and_one_query_in_retrieval():
    pairs = Pairs.from_columns({"anchor": FORMS, "positive": [f"in {form}" for form in FORMS]})
    data = retrieval_from_pairs(pairs)
    assert len(data.corpus) == 1
    assert len(data.queries) == 1
