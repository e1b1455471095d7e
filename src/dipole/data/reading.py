"""How the values of one column are read: as texts, or as arrays of one dtype."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dipole.data.arrays import array_of, arrays_of, as_array, common_dtype, is_list_of_arrays
from dipole.data.fields import IMAGE, kind_of
from dipole.data.image_cells import Pictures, are_images
from dipole.data.refusals import NotResizedError
from dipole.data.rows import BadValueError, Source, join_title, negatives_of, text_of, texts_of
from dipole.data.sample import ARRAY_LISTS, ARRAYS, IMAGES, Sample
from dipole.errors import InputError

Resize = int | str | Sequence[int] | None

# Columns that hold a list of positives in every row.
_PLURAL = ("pos", "positives")


@dataclass(frozen=True)
class Reading:
    """A column, the text after a `title` (`body`), the dtype of its arrays, and what reads its
    images; None and None for texts."""

    column: str
    body: str | None = None
    dtype: str | None = None
    pictures: Pictures | None = None

    @classmethod
    def of(
        cls,
        sample: Sample,
        column: str,
        body: str | None = None,
        *,
        source: Source | None = None,
        resize: Resize = None,
    ) -> Reading:
        """What the first rows hold decides for all of them; `source`: where images are looked for,
        None where none are taken."""
        if sample.kind(column) == IMAGES and source is not None:
            return cls(column, pictures=Pictures(source.folders, resize))
        if sample.kind(column) not in (ARRAYS, ARRAY_LISTS):
            return cls(column, body)
        return cls(column, body, common_dtype(sample.values(column)).name)

    @property
    def quoted(self) -> str:
        """The column as `origin` has it."""
        if self.pictures is not None:
            size = self.pictures.size
            resized = "" if size is None else f", resized to {size[0]}x{size[1]}"
            return f"'{self.column}' (images{resized})"
        return quoted(self.column, self.body)

    @property
    def kind(self) -> str:
        """What a field that is read so holds."""
        return kind_of(self.dtype) if self.pictures is None else IMAGE

    def one(self, row: Mapping[str, Any]) -> Any:
        """The text, the array or the cell of an image in a row."""
        if self.pictures is not None:
            return self.pictures(get(row, self.column), self.column)
        value = with_title(row, self.column, self.body)
        if self.dtype is None:
            return text_of(value, self.column)
        return array_of(value, self.column, self.dtype)

    def several(self, row: Mapping[str, Any], beside: Any) -> list[Any]:
        """One or more of a row: a text or a list of them; an array is one, a list of arrays of
        different shapes is several, as are those in a column `pos` or `positives` with one axis
        more than `beside`; an image is one."""
        if self.pictures is not None:
            return [self.one(row)]
        value = with_title(row, self.column, self.body)
        if self.dtype is None:
            return texts_of(value, self.column)
        if as_array(value) is None and is_list_of_arrays(value):
            return arrays_of(value, self.column, self.dtype, axes=-1)
        array = array_of(value, self.column, self.dtype)
        is_list = self.column.lower() in _PLURAL and array.ndim == getattr(beside, "ndim", -1) + 1
        return list(array) if is_list else [array]

    def each(self, row: Mapping[str, Any], *, may_be_empty: bool = False) -> list[Any]:
        """All of a list in a row: texts, or the arrays along the first axis."""
        value = get(row, self.column)
        if self.dtype is None:
            return (negatives_of if may_be_empty else texts_of)(value, self.column)
        found = arrays_of(value, self.column, self.dtype, axes=-1)
        if not found and not may_be_empty:
            raise BadValueError(f"column '{self.column}': found an empty list; expected arrays")
        return found

    def negatives(self, row: Mapping[str, Any], beside: Any) -> list[Any]:
        """Those of a row, which may be none: of arrays, those with as many axes as `beside`."""
        value = row.get(self.column, ())
        if self.dtype is None:
            return negatives_of(value, self.column)
        axes = beside.ndim if hasattr(beside, "ndim") else -1
        return arrays_of(value, self.column, self.dtype, axes)


def get(row: Mapping[str, Any], column: str) -> Any:
    """A value of a row, or a message that names the columns the row has."""
    if column not in row:
        raise BadValueError(f"no column '{column}'; columns found: {', '.join(map(str, row))}")
    return row[column]


def with_title(row: Mapping[str, Any], column: str, body: str | None) -> Any:
    """A value of a row, after the row's `title` where the column is the one it belongs to."""
    value = get(row, column)
    if column != body:
        return value
    title = next((text for name, text in row.items() if str(name).lower() == "title"), None)
    return join_title(title, value)


def quoted(column: str, body: str | None) -> str:
    """A column as `origin` has it."""
    return f"'{column}'" + " after title" * (column == body)


def no_images(source: Source, sample: Sample, columns: Sequence[str]) -> None:
    """Refuse images where only texts and arrays are taken: their names are never texts."""
    for column in columns:
        found = sample.values(column)
        flat = [v for value in found for v in (value if isinstance(value, list) else [value])]
        if are_images(flat):
            raise InputError(
                f"{source.name}: found images in '{column}'; expected texts there, and images as "
                "anchors or positives alone"
            )


def check_resize(source: Source, resize: Resize, *readings: Reading) -> None:
    """Refuse a size of images where there are none."""
    if resize is not None and not any(reading.pictures for reading in readings):
        raise NotResizedError(f"{source.name}: found resize={resize!r} for texts; expected none")


def pictures_of(**readings: Reading) -> dict[str, Pictures]:
    """What reads the images of the fields that have some."""
    return {field: r.pictures for field, r in readings.items() if r.pictures is not None}
