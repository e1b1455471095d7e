"""Which languages texts are in, guessed by their scripts and their most frequent words."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

# The most frequent words of a language that few of the others share.
_STOP_WORDS = {
    "English": "the and of to is in it you that for with are this not be have how what my do i can"
    " a an at by from on or if but we our your they where when who why which does was will would"
    " has",
    "German": "der die das und ist nicht ein eine ich zu mit auf für von dem den wie sie wird",
    "French": "le la les et est des une je pas du que pour dans vous il sur avec au qui",
    "Spanish": "el los las y es una que no por con para se del como más lo mi está",
    "Italian": "il di che è un una non per sono con del della gli mi come questo anche più",
    "Portuguese": "o os as e é um uma não que para com do da em por se como mais eu",
    "Dutch": "de het een en is niet van ik dat op te met voor zijn aan hoe wat er",
    "Swedish": "och att det som en är på inte jag av med den för har om till ett",
    "Polish": "i w na nie się to jest z że do jak co po ale od czy dla",
    "Turkish": "ve bir bu da de için ne çok ile mi var ben nasıl gibi daha",
    "Russian": "и в не на что это как я с по он но у из за от для мы",
    "Ukrainian": "і в не на що це як я з та до у від за але є для ми",
}  # fmt: skip
# Scripts that one language has alone, or nearly so.
_SCRIPTS = {
    "HIRAGANA": "Japanese", "KATAKANA": "Japanese", "HANGUL": "Korean", "CJK": "Chinese",
    "GREEK": "Greek", "HEBREW": "Hebrew", "THAI": "Thai", "ARABIC": "Arabic",
    "GEORGIAN": "Georgian", "ARMENIAN": "Armenian", "DEVANAGARI": "Hindi", "BENGALI": "Bengali",
    "TAMIL": "Tamil",
}  # fmt: skip
UNKNOWN = "unknown"
_WORD = re.compile(r"[^\W\d_]+")
# Letters of a text that are looked at.
_LETTERS = 200


def languages(texts: Iterable[str]) -> dict[str, float]:
    """Language -> share of the texts, the most frequent first; "unknown" is one of them.

    A guess: a script that one language has decides, else the language that most of a text's stop
    words are of. Short texts without any are unknown.

    >>> languages(["how do I pay for the tent", "wie bezahle ich das Zelt und den Ofen"])
    {'English': 0.5, 'German': 0.5}
    """
    found = Counter(map(language_of, texts))
    total = sum(found.values())
    return {name: count / total for name, count in found.most_common()}


def language_of(text: str) -> str:
    """The language of one text, or "unknown".

    >>> language_of("国際標準"), language_of("xyz 12")
    ('Chinese', 'unknown')
    """
    script = _script(text)
    if script in _SCRIPTS:
        return _SCRIPTS[script]
    words = [word.lower() for word in _WORD.findall(text)]
    hits = Counter(name for word in words for name in _of_word().get(word, ()))
    best = hits.most_common(2)
    if not best or (len(best) == 2 and best[0][1] == best[1][1]):
        return UNKNOWN
    return best[0][0]


def _script(text: str) -> str:
    if text.isascii():
        return "LATIN"
    letters = [letter for letter in text if letter.isalpha()][:_LETTERS]
    scripts = Counter(unicodedata.name(letter, "").partition(" ")[0] for letter in letters)
    for kana in ("HIRAGANA", "KATAKANA"):  # Japanese has Chinese characters beside them
        if scripts[kana]:
            return kana
    return scripts.most_common(1)[0][0] if scripts else ""


@cache
def _of_word() -> dict[str, tuple[str, ...]]:
    words: dict[str, tuple[str, ...]] = {}
    for name, stop_words in _STOP_WORDS.items():
        for word in stop_words.split():
            words[word] = (*words.get(word, ()), name)
    return words
