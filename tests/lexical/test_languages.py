"""Languages by script and stop words."""

import pytest

from dipole.lexical.languages import UNKNOWN, language_of, languages


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("what is the name of the tool that you have", "English"),
        ("How do I reset my password?", "English"),
        ("Do you ship abroad", "English"),
        ("Jak to jest zrobione i czy nie boli", "Polish"),
        ("wie ist der Name von dem Werkzeug und ist es nicht teuer", "German"),
        ("quel est le nom de cet outil et est-il dans la liste", "French"),
        ("cuál es el nombre de la herramienta y está en los libros", "Spanish"),
        ("wat is de naam van het ding en hoe is dat", "Dutch"),
        ("как это называется и что это для меня", "Russian"),
        ("これは何ですか", "Japanese"),
        ("工具的名称是什么", "Chinese"),
        ("이것은 무엇입니까", "Korean"),
        ("ما هذا", "Arabic"),
        ("מה זה", "Hebrew"),
        ("reset password", UNKNOWN),
        ("12 345", UNKNOWN),
        ("", UNKNOWN),
    ],
)
def test_language(text, language):
    assert language_of(text) == language


def test_shares_are_of_all_texts():
    texts = ["the box is in the house", "das Haus ist nicht groß", "xyz", "this is it"]
    assert languages(texts) == {"English": 0.5, "German": 0.25, UNKNOWN: 0.25}
    assert languages([]) == {}
