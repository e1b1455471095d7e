"""Rows on their way from a source to a table: what is wrong with one, and what is in its fields."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dipole.data.inputs import described


@dataclass(frozen=True)
class Bad:
    """A row that cannot be used: what was found and what was expected."""

    message: str


class BadValueError(ValueError):
    """A value of a row that cannot be used; becomes a `Bad` row."""


# The most characters of one text: a longer one is a file that went into a field by mistake.
LONGEST_TEXT = 2**24

# The 1-based number of the row (for text files the line it starts in) and its columns.
Row = tuple[int, dict[str, Any] | Bad]


@dataclass(frozen=True)
class Source:
    """Where rows come from."""

    name: str  # what messages call it
    rows: Callable[[], Iterator[Row]]
    state: Callable[[], tuple[str, str]]  # what it is, and in which state: names the cache entry
    notes: list[str] = field(default_factory=list)  # what the reader guessed, for `origin`
    row: str = "row"  # what messages call a row
    is_kept: bool = True  # whether a large table goes to the cache, for the next time
    folders: Sequence[Path] = ()  # where files are that a row names by relative paths


def shown(value: Any) -> str:
    """A value as messages show it: short, on one line."""
    if value is None:
        return "null"
    if isinstance(value, (list, tuple)):
        return "an empty list" if not value else f"a list of {len(value)}"
    if isinstance(value, Mapping):
        return "an object"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return described(value)
    text = repr(value) if isinstance(value, str) else " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def text_of(value: Any, column: str) -> str:
    """A text that is not empty. A passage ({"title", "text"}) is its title and text."""
    if isinstance(value, Mapping) and "text" in value:
        value = join_title(value.get("title"), value["text"])
    if not isinstance(value, str):
        raise BadValueError(f"column '{column}': found {shown(value)}; expected text")
    if not value or value.isspace():
        raise BadValueError(f"column '{column}': found empty text; expected text")
    if len(value) > LONGEST_TEXT:
        raise BadValueError(
            f"column '{column}': found a text of {len(value):,} characters; expected at most "
            f"{LONGEST_TEXT:,}"
        )
    if not value.isascii():
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            raise BadValueError(
                f"column '{column}': found half of a surrogate pair in {shown(value)}; "
                "expected valid Unicode text"
            ) from None
    return value


def join_title(title: Any, text: Any) -> Any:
    """Title and text of a document as one text, the way BEIR's tools join them."""
    return f"{title} {text}".strip() if isinstance(title, str) and isinstance(text, str) else text


def texts_of(value: Any, column: str) -> list[str]:
    """One text or a list of them."""
    if isinstance(value, (list, tuple)):
        if not value:
            raise BadValueError(f"column '{column}': found an empty list; expected texts")
        return [text_of(item, column) for item in value]
    return [text_of(value, column)]


def negatives_of(value: Any, column: str) -> list[str]:
    """One text or a list of them, which may be empty: not every row has a negative."""
    if value is None or (isinstance(value, (list, tuple)) and not value):
        return []
    return texts_of(value, column)


def class_of(value: Any, column: str) -> str:
    """A class, a name or a whole number, as text: 12 and "12" are one, "0012" is another."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return text_of(str(value) if isinstance(value, int) else value, column)


def is_whole(text: str) -> bool:
    """Whether a text is exactly how a whole number of 64 bits is written: 12, not 012."""
    digits = re.fullmatch(r"-?\d{1,19}", text, re.ASCII)
    return digits is not None and str(int(text)) == text and abs(int(text)) < 2**63


def number_of(value: Any, column: str) -> float:
    """A finite number, also one written as text."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        number = float(value)
    except (ValueError, OverflowError):
        raise BadValueError(f"column '{column}': found {shown(value)}; expected a number") from None
    if not math.isfinite(number):
        raise BadValueError(f"column '{column}': found {number}; expected a finite number")
    return number


def numbers_of(value: Any, column: str) -> list[float]:
    """A list of finite numbers."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(value, (list, tuple)):
        raise BadValueError(f"column '{column}': found {shown(value)}; expected a list of numbers")
    return [number_of(item, column) for item in value]


def is_number(value: Any) -> bool:
    """Whether a value is a finite number or reads as one."""
    try:
        number_of(value, "")
    except BadValueError:
        return False
    return True
