"""What a field of an example holds, and how an Arrow table stores it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dipole.data.arrays import array_type, is_array_type, packed, unpacked
from dipole.errors import optional

if TYPE_CHECKING:
    import pyarrow as pa

# Kinds of fields; `arrow_type` turns one into an Arrow type.
TEXT, TEXTS, NUMBER, NUMBERS, WHOLE = "text", "texts", "number", "numbers", "whole"
# Texts or arrays, one or several in a row; and whatever Arrow can hold.
VALUE, VALUES, ANY = "value", "values", "any"
# Arrays of a dtype, as kinds: "array float32".
ARRAY, ARRAYS = "array", "arrays"
# The path of an image file, or its bytes; becomes an `ImageType` when all of them are known.
IMAGE = "image"


def arrow() -> Any:
    """pyarrow, or one line that says which extra installs it."""
    return optional("pyarrow", "text")


def kind_of(dtype: str | None, *, several: bool = False) -> str:
    """The kind of a field of arrays of a dtype (one or several in a row), or of texts."""
    if dtype is None:
        return TEXTS if several else TEXT
    return f"{ARRAYS if several else ARRAY} {dtype}"


def arrow_type(kind: str) -> Any:
    """The Arrow type of a field; None where the values decide."""
    pa = arrow()
    plain, _, dtype = kind.partition(" ")
    if dtype:
        return array_type(dtype) if plain == ARRAY else pa.list_(array_type(dtype))
    return {
        TEXT: pa.string(),
        TEXTS: pa.list_(pa.string()),
        NUMBER: pa.float64(),
        NUMBERS: pa.list_(pa.float64()),
        WHOLE: pa.int64(),
        ANY: None,
        IMAGE: pa.struct({"path": pa.string(), "bytes": pa.binary()}),
    }[kind]


def as_stored(value: Any) -> Any:
    """A value as Arrow takes it for the type of its field."""
    if isinstance(value, np.ndarray):
        return packed(value)
    return [as_stored(part) for part in value] if isinstance(value, list) else value


def is_of_images(array: Any) -> bool:
    """Whether an array's images are read from files where it is touched."""
    return getattr(array.type, "extension_name", "") == "dipole.image"


def values_of(array: pa.Array) -> list[Any]:
    """Python values of an Arrow array; arrays come as those of numpy."""
    if is_of_images(array):
        return list(array.type.decoded(array))
    if hasattr(array, "to_numpy_ndarray"):
        return list(array.to_numpy_ndarray()) if len(array) else []
    if is_array_type(array.type):
        return unpacked(array)
    if hasattr(array.type, "value_type") and is_array_type(array.type.value_type):
        parts, ends = unpacked(array.flatten()), np.cumsum(array.value_lengths().to_numpy())
        return [
            parts[start:end] for start, end in zip([0, *ends.tolist()], ends.tolist(), strict=False)
        ]
    return list(array.to_pylist())
