"""Text -> words in any script: the one definition, for BM25 and for the full text of an index.

Texts are normalised (NFKC), so composed and decomposed letters, full-width and plain ones are the
same, and marks stay with their letters. Invisible characters (soft hyphens, joiners) are dropped.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Any

from dipole.errors import optional

_ASCII_WORD = re.compile(r"\w+")
# Scripts whose words are not separated by blanks.
_UNSPACED = ("Han", "Hiragana", "Katakana", "Bopomofo", "Thai", "Lao", "Khmer", "Myanmar")


def split_words(text: str, *, characters: bool = False) -> Iterator[str]:
    """The words of a text, case kept; identifiers whole (`parse_header`).

    Chinese, Japanese, Korean, Thai, Lao, Khmer and Burmese give overlapping pairs of characters
    (each with its marks), as Lucene's CJKAnalyzer does: words are found without a dictionary.
    A character that stands alone is a word. `characters` gives every single character too: for
    documents, so that a query of one character finds them.

    >>> list(split_words("BM25 と国際標準"))
    ['BM25', 'と国', '国際', '際標', '標準']
    """
    if text.isascii():
        yield from _ASCII_WORD.findall(text)
        return
    pattern = _patterns()
    plain = unicodedata.normalize("NFKC", pattern["invisible"].sub("", text))
    for found in pattern["word"].findall(plain):
        start = 0
        for run in pattern["run"].finditer(found):
            if run.start() > start:
                yield found[start : run.start()]
            yield from _pairs(split_characters(run[0]), characters)
            start = run.end()
        if start < len(found):
            yield found[start:]


def is_unspaced(text: str) -> bool:
    """Whether a text has letters of a script that does not put blanks between words."""
    return not text.isascii() and _patterns()["unspaced"].search(text) is not None


def split_characters(text: str) -> list[str]:
    """The characters that a reader sees: each letter with its marks."""
    found: list[str] = _patterns()["character"].findall(text)
    return found


def _pairs(characters: list[str], single: bool) -> Iterator[str]:
    if single or len(characters) == 1:
        yield from characters
    for first, second in pairwise(characters):
        yield first + second


@cache
def _patterns() -> dict[str, Any]:
    regex = optional("regex", "search")
    unspaced = "".join(rf"\p{{scx={script}}}" for script in _UNSPACED)
    patterns = {
        "word": r"(?!\p{M})\w+",
        "unspaced": rf"(?=\w)[{unspaced}]",
        # Korean has blanks, but its words carry their particles.
        "run": rf"(?:(?=\w)[{unspaced}\p{{scx=Hangul}}]\p{{M}}*)+",
        "character": r"\X\p{M}*",
        "invisible": r"(?!\u200B)\p{Default_Ignorable_Code_Point}",  # that one is a blank
    }
    return {name: regex.compile(pattern) for name, pattern in patterns.items()}
