"""The first rows of a source: what a column holds is judged by many rows, never by one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dipole.data.arrays import as_array, is_list_of_arrays
from dipole.data.image_cells import are_images
from dipole.data.names import is_negative, is_no_text, is_text
from dipole.data.rows import BadValueError, is_number

# So many rows are looked at, or those of so many characters.
ROWS = 1000
CHARACTERS = 2**22

# What a column holds.
TEXT, LISTS, NUMBERS, CLASSES, ARRAYS, ARRAY_LISTS, IMAGES, OTHER, NOTHING = (
    "text", "lists of texts", "numbers", "classes", "arrays", "lists of arrays", "images",
    "other values", "nothing",
)  # fmt: skip

# Texts that are none to compare, whatever the column is called.
_CODES = re.compile(
    r"(https?|ftp|s3|file)://\S+|www\.\S+"  # addresses
    r"|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32,}"  # UUIDs and hashes
    r"|\d{4}-\d\d-\d\d([T ]\S+)?",  # dates
    re.IGNORECASE,
)
# Short texts of which so few are different are classes.
MANY = 20
_FEW, _SHORT = 0.1, 50


class Sample:
    """Rows, their columns in the order in which they first stand, and what each holds."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = rows
        self.columns = list(dict.fromkeys(str(name) for row in rows for name in row))
        self._kinds: dict[str, str] = {}

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __str__(self) -> str:
        return ", ".join(self.columns)

    def kind(self, column: str) -> str:
        """TEXT, LISTS, NUMBERS, CLASSES, ARRAYS ...: what most of its values are."""
        if column not in self._kinds:
            self._kinds[column] = _kind(self.values(column))
        return self._kinds[column]

    def share(self, column: str) -> float:
        """The share of the rows that have this column."""
        return sum(column in row for row in self.rows) / len(self.rows)

    def values(self, column: str) -> list[Any]:
        """The values of a column that are there."""
        found = (row.get(column) for row in self.rows)
        return [v for v in found if v is not None and not (isinstance(v, str) and v == "")]

    def texts(self, without: Sequence[str | None] = ()) -> list[str]:
        """Columns that may be compared, texts and images: by their names and by what they hold.

        Those that are filled in one row of ten, or hold classes or addresses, are none.
        """
        return [
            name
            for name in self.columns
            if name not in without
            and not is_negative(name)
            and (self.kind(name) == IMAGES or (not is_no_text(name) and self._may_be_text(name)))
        ]

    def arrays(self, without: Sequence[str | None] = ()) -> list[str]:
        """Columns of arrays that may be compared: by their names and by what they hold."""
        return [
            name
            for name in self.columns
            if name not in without
            and self.kind(name) == ARRAYS
            and (is_text(name) or not is_no_text(name))
            and not is_negative(name)
        ]

    def _may_be_text(self, name: str) -> bool:
        if is_text(name):
            lists = self.kind(name) == LISTS
            return lists or any(isinstance(value, (str, Mapping)) for value in self.values(name))
        return self.kind(name) == TEXT and len(self.values(name)) * 10 >= len(self.rows)


def _kind(values: Sequence[Any]) -> str:
    if not values:
        return NOTHING
    if are_images(values):
        return IMAGES
    shapes = [_shape(value) for value in values]
    kind = max(dict.fromkeys(shapes), key=lambda shape: (shapes.count(shape), shape == TEXT))
    if kind != TEXT:
        return kind
    texts = [value for value in values if isinstance(value, str)]
    if texts and all(_CODES.fullmatch(text) for text in texts):
        return OTHER
    different = set(texts)
    short = sum(map(len, different)) < _SHORT * len(different)
    if len(texts) >= MANY and len(different) <= _FEW * len(texts) and short:
        return CLASSES
    return TEXT


def _shape(value: Any) -> str:
    if isinstance(value, str):
        return NUMBERS if is_number(value) else TEXT
    if isinstance(value, Mapping):
        return TEXT if "text" in value else OTHER
    if isinstance(value, (list, tuple)) and (not value or isinstance(value[0], (str, Mapping))):
        shapes = {_shape(item) for item in value}
        return LISTS if shapes <= {TEXT} else OTHER
    if isinstance(value, (list, tuple)) or hasattr(value, "shape") or hasattr(value, "getexif"):
        return _array_shape(value)
    return NUMBERS if is_number(value) else OTHER


def _array_shape(value: Any) -> str:
    try:
        if as_array(value) is not None:
            return ARRAYS
        return ARRAY_LISTS if is_list_of_arrays(value) else OTHER
    except BadValueError:  # an image that cannot be read
        return OTHER
