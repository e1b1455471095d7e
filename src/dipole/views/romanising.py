"""Texts in Latin letters: Cyrillic, Greek, Arabic, Hebrew, Indic scripts, kana and Hangul."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any, ClassVar, Literal

from dipole.views.base import View


def _table(letters: str, latin: str) -> dict[str, str]:
    """Letter by letter; _ stands for nothing."""
    sounds = latin.replace("_", "").split(" ")
    return dict(zip(letters, sounds, strict=True))


_CYRILLIC = _table(
    "абвгдежзийклмнопрстуфхцчшщъыьэюяєіїґўђјљњћџѓќѕ",
    "a b v g d e zh z i y k l m n o p r s t u f kh ts ch sh shch _ y _ e yu ya ye i yi g w dj j lj"
    " nj c dz g k dz",
)
_GREEK = _table("αβγδεζηθικλμνξοπρσςτυφχψω", "a v g d e z i th i k l m n x o p r s s t y f ch ps o")
_ARABIC = _table(
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويءىةپچژگکی",
    "a b t th j h kh d dh r z s sh s d t z ' gh f q k l m n h w y ' a h p ch zh g k y",
)
_HEBREW = _table(
    "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
    "' b g d h v z ch t y k k l m m n n s ' p p ts ts q r sh t",
)
_LETTERS = {
    letter: latin
    for table in (_CYRILLIC, _GREEK, _ARABIC, _HEBREW)
    for letter, latin in table.items()
}
# Kinds of Unicode names whose last word is how a letter sounds.
_KANA = ("HIRAGANA LETTER ", "KATAKANA LETTER ", "HANGUL SYLLABLE ")
# Kinds of marks of a letter in an Indic script, which have no sound of a letter of their own.
_LETTER, _VOWEL, _SILENT = " LETTER ", " VOWEL SIGN ", " SIGN VIRAMA"
# Signs that stand for a sound after a vowel.
_NASAL = {" SIGN ANUSVARA": "m", " SIGN CANDRABINDU": "n", " SIGN VISARGA": "h"}


class Romanise(View):
    """Texts in Latin letters, as they sound: a copy that all scripts share.

    Cyrillic, Greek, Arabic and Hebrew go by tables, letter by letter; scripts of India, kana and
    Hangul by the names of their letters in Unicode, with a consonant's own vowel. Accents are left
    out. What has neither (Chinese, Thai, numbers, emoji) stays as it is. Nothing is drawn.

    Example:
        >>> Romanise()(["Привет, мир", "καλημέρα", "नमस्ते", "한글"], None)
        ['Privet, mir', 'kalimera', 'namaste', 'hangeul']
    """

    on: ClassVar[Literal["inputs", "features"]] = "inputs"

    def forward(self, inputs: list[str], generator: Any) -> list[str]:
        return [romanised(text) for text in inputs]


def romanised(text: str) -> str:
    """A text in Latin letters, as `Romanise` says.

    >>> romanised("Київ"), romanised("Schöne Größe")
    ('Kiyiv', 'Schone Große')
    """
    found: list[str] = []
    # Й and its like are letters of their own, and are not taken apart.
    for letter in unicodedata.normalize("NFC", text):
        latin, cuts = _of(letter)
        if cuts and found and found[-1].endswith("a"):  # the consonant's own vowel
            found[-1] = found[-1][:-1]
        found.append(latin)
    return "".join(found)


@cache
def _of(letter: str) -> tuple[str, bool]:
    """What stands for a letter, and whether it takes the place of the vowel before it."""
    if letter.isascii():
        return letter, False
    lower = letter.lower()
    if lower in _LETTERS:
        latin = _LETTERS[lower]
        return (latin if letter == lower else latin.capitalize()), False
    name = unicodedata.name(letter, "")
    if name.startswith(_KANA):
        return name.rpartition(" ")[2].lower(), False
    if name.endswith(_SILENT):
        return "", True
    if _VOWEL in name:
        return _short(name.rpartition(_VOWEL)[2]), True
    for sign, latin in _NASAL.items():
        if name.endswith(sign):
            return latin, False
    if _LETTER in name and unicodedata.category(letter) == "Lo" and _is_indic(letter):
        return _short(name.rpartition(_LETTER)[2]), False
    return _bare(letter), False


def _is_indic(letter: str) -> bool:
    """Whether it is of a script from Devanagari to Malayalam, whose consonants have a vowel."""
    return "\u0900" <= letter <= "\u0d7f"


def _short(name: str) -> str:
    """How a letter sounds by its name: AA is a, and of VOCALIC R the last word counts."""
    return name.rpartition(" ")[2].lower().replace("aa", "a").replace("ii", "i").replace("uu", "u")


def _bare(letter: str) -> str:
    """A letter without marks, where it is a letter with some."""
    parts = unicodedata.normalize("NFD", letter)
    if len(parts) == 1:
        return "" if unicodedata.combining(letter) else letter
    return "".join(_of(part)[0] for part in parts)
