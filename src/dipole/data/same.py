"""One definition of "the same text", and the hashes that stand for it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import numpy as np


def same_text(text: str) -> str:
    """The form that two texts share if they are the same: NFC, every run of white space one space,
    none at the ends. Case is content.

    >>> same_text(" a\\tcat\\n") == same_text("a cat")
    True
    """
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.split())


def content_key(value: Any) -> int:
    """A 64-bit hash of a text (its `same_text`), number or array, or of a list or mapping of these:
    the same content, the same key, in every process."""
    return _key(same_text(value) if isinstance(value, str) else value, content_key)


def exact_key(value: Any) -> int:
    """A 64-bit hash to the last character: for ids, labels and stored vectors, where the same text
    written in another way is another thing."""
    return _key(value, exact_key)


def splitmix64(x: np.ndarray) -> np.ndarray:
    """A hash of every number, (n,) uint64, whose bits are spread evenly (Steele et al. 2014)."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = x ^ (x >> np.uint64(31))
    return mixed


def _key(value: Any, of_part: Any) -> int:
    # The first bytes of what is no text are none of UTF-8: 1 and "1" differ.
    if isinstance(value, str):
        content = value.encode("utf-8", "surrogatepass")
    elif isinstance(value, bytes):
        content = b"\xfc" + value
    elif isinstance(value, np.ndarray):
        content = b"\xfd" + repr((value.shape, value.dtype.str)).encode() + value.tobytes()
    elif isinstance(value, (bool, int, float, np.generic)):
        plain = value.item() if isinstance(value, np.generic) else value
        content = b"\xfe" + repr(plain).encode()
    elif isinstance(value, (bytes, bytearray)):
        content = b"\xfc" + value
    elif isinstance(value, (list, tuple)):  # the keys of its parts, in order
        content = b"\xff" + b"".join(of_part(part).to_bytes(8, "little") for part in value)
    elif isinstance(value, Mapping):
        parts = (part for name in sorted(value, key=str) for part in (str(name), value[name]))
        content = b"\xfb" + b"".join(of_part(part).to_bytes(8, "little") for part in parts)
    else:  # None, dates: whatever a table may hold
        content = b"\xfa" + repr(value).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")
