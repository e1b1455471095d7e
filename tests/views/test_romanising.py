import pytest

from dipole.views import build_views
from dipole.views.romanising import romanised


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Щука и Ёлка", "Shchuka i Elka"),
        ("Київ", "Kiyiv"),
        ("Θεσσαλονίκη", "Thessaloniki"),
        ("שלום", "shlvm"),
        ("سلام", "slam"),
        ("हिन्दी", "hindi"),
        ("বাংলা", "bamla"),
        ("さようなら", "sayounara"),
        ("서울", "seoul"),
        ("déjà vu, 中文 42", "deja vu, 中文 42"),
    ],
)
def test_texts_as_they_sound(text, expected):
    assert romanised(text) == expected


def test_latin_texts_stay_and_what_was_romanised_does():
    text = "plain text: 1 + 1"
    assert romanised(text) == text
    assert romanised(romanised("Привет")) == romanised("Привет")


def test_it_is_a_view_by_name():
    (view,) = build_views(["dipole.views.romanising:Romanise*1"])
    assert view(["мир"], None) == ["mir"]
