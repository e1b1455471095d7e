"""Text -> words, with identifiers taken apart."""

from __future__ import annotations

import re

_WORD = re.compile(r"[^\W\d_]+|\d+")
# Parts of a word in which case means something: HTTPServer -> HTTP, Server; getText -> get, Text.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def split_words(text: str) -> list[str]:
    """The words of a text in lower case, in their order; identifiers give their parts.

    Letters and digits make words of their own, everything else separates. Case splits ASCII words
    only: elsewhere a capital is a word's beginning.

    >>> split_words("def parseHTTPHeader2(max_len): # Größe")
    ['def', 'parse', 'http', 'header', '2', 'max', 'len', 'größe']
    """
    found = []
    for word in _WORD.findall(text):
        if word.islower() or not word.isascii():
            found.append(word.lower())
        else:
            found += [part.lower() for part in _PART.findall(word)]
    return found
