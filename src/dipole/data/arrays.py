"""Arrays of numbers as values of examples: vectors, sound, images, each row of its own shape.

In an Arrow table an array is {shape, its dtype: its bytes}; a column has one dtype.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dipole.data.rows import BadValueError, shown
from dipole.errors import optional

SHAPE = "shape"
# What a list of fractions becomes: what encoders compute in.
FRACTIONS = np.dtype(np.float32)


def as_array(value: Any) -> np.ndarray | None:
    """A value as an array of numbers with at least one axis; None for what is no such array.

    Arrays, tensors, images of Pillow (as `image_decoding` reads them), and lists of numbers, of
    lists of numbers of one length ...: fractions as float32, whole numbers as int64.
    """
    if isinstance(value, (str, bytes, Mapping)) or value is None:
        return None
    if isinstance(value, (list, tuple)) or _is_nested(value):
        return _of_list(value)
    array = _plain(value)
    if array is None or array.ndim == 0 or array.dtype.kind not in "biuf":
        return None
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def array_of(value: Any, column: str, dtype: np.dtype | str) -> np.ndarray:
    """A value of a column as an array of this dtype, its numbers finite."""
    try:
        return checked_array(value, dtype)
    except BadValueError as error:
        raise BadValueError(f"column '{column}': {error}") from None


def checked_array(value: Any, dtype: np.dtype | str) -> np.ndarray:
    """The same of a value wherever it stands: what is wrong is said without the place."""
    array = as_array(value)
    if array is None:
        raise BadValueError(f"found {_found(value)}; expected an array of numbers")
    if array.size == 0:
        raise BadValueError("found an empty array; expected numbers")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        worst = array[~np.isfinite(array)].flat[0]
        raise BadValueError(f"found {worst} in {shown(array)}; expected finite numbers")
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise BadValueError(
            f"found {shown(array)}; expected {np.dtype(dtype)}, as in the first rows"
        )
    cast = array.astype(dtype, copy=False)
    if array.dtype.kind == "f" and not np.isfinite(cast).all():
        raise BadValueError(f"found a number too large for {np.dtype(dtype)} in {shown(array)}")
    return cast


def arrays_of(value: Any, column: str, dtype: np.dtype | str, axes: int) -> list[np.ndarray]:
    """One array of so many axes, or a list of them, which may be empty."""
    if value is None or (isinstance(value, (list, tuple)) and not value):
        return []
    whole = as_array(value)
    if whole is not None and whole.ndim == axes:
        return [array_of(whole, column, dtype)]
    if whole is None and not isinstance(value, (list, tuple, np.ndarray)):
        array_of(value, column, dtype)
    return [array_of(part, column, dtype) for part in (value if whole is None else whole)]


def common_dtype(values: Sequence[Any]) -> np.dtype:
    """The dtype that all arrays among these values fit in."""
    found = {array.dtype for value in values for array in _members(value)}
    return np.result_type(*found) if found else FRACTIONS


def is_list_of_arrays(value: Any) -> bool:
    """Whether a value is a list of arrays of different shapes."""
    if isinstance(value, (list, tuple)) or _is_nested(value):
        return len(value) > 0 and all(as_array(part) is not None for part in value)
    return False


def array_type(dtype: np.dtype | str) -> Any:
    """The Arrow type of arrays of a dtype."""
    pa = optional("pyarrow", "text")
    return pa.struct([(SHAPE, pa.list_(pa.int32())), (np.dtype(dtype).name, pa.large_binary())])


def is_array_type(kind: Any) -> bool:
    """Whether an Arrow type is one of `array_type`."""
    pa = optional("pyarrow", "text")
    return bool(
        pa.types.is_struct(kind)
        and kind.num_fields == 2
        and kind.field(0).name == SHAPE
        and pa.types.is_large_binary(kind.field(1).type)
    )


def packed(array: np.ndarray) -> dict[str, Any]:
    """An array as Arrow takes it for `array_type`."""
    return {SHAPE: array.shape, array.dtype.name: array.tobytes()}


def unpacked(column: Any) -> list[np.ndarray]:
    """The arrays of an Arrow array of `array_type`."""
    dtype = np.dtype(column.type.field(1).name)
    shapes, contents = column.flatten()
    return [  # a bytearray: what a user gets may be written to, as torch demands
        np.frombuffer(bytearray(content), dtype).reshape(shape)
        for shape, content in zip(shapes.to_pylist(), contents.to_pylist(), strict=True)
    ]


def _members(value: Any) -> list[np.ndarray]:
    whole = as_array(value)
    if whole is not None:
        return [whole]
    if not is_list_of_arrays(value):
        return []
    return [array for part in value for array in [as_array(part)] if array is not None]


def _is_nested(value: Any) -> bool:
    """An array of objects, as pandas has lists in lists."""
    return isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1


def _of_list(value: Sequence[Any]) -> np.ndarray | None:
    parts = [as_array(part) if _is_nested(part) else part for part in value]
    if not parts or isinstance(parts[0], (str, bytes, Mapping)):
        return None
    try:
        array = np.asarray(parts)
    except (ValueError, TypeError, OverflowError):  # of different lengths, or no numbers
        return None
    if array.dtype.kind not in "biuf" or (array.dtype.kind == "b" and array.ndim == 0):
        return None
    return array.astype(FRACTIONS) if array.dtype == np.float64 and _is_plain(parts) else array


def _is_plain(parts: Sequence[Any]) -> bool:
    """Whether a list holds Python's own numbers, at whatever depth, and no arrays of a dtype."""
    first: Any = parts
    while isinstance(first, (list, tuple)) and first:
        first = first[0]
    return type(first) in (float, int, bool)


def _plain(value: Any) -> np.ndarray | None:
    if isinstance(value, np.ndarray):
        return value
    module = type(value).__module__.partition(".")[0]
    if module == "torch":
        value = value.detach().cpu()
        return np.asarray(value.float() if str(value.dtype) == "torch.bfloat16" else value)
    if module == "PIL":
        from dipole.data.image_decoding import image_array

        return image_array(value)
    if module in ("pandas", "polars", "pyarrow", "jax", "jaxlib", "tensorflow") or hasattr(
        value, "__array_interface__"
    ):
        try:
            return np.asarray(value)
        except (ValueError, TypeError):
            return None
    return None


def _found(value: Any) -> str:
    if isinstance(value, (list, tuple)) and value:
        if any(part is None or (isinstance(part, float) and math.isnan(part)) for part in value):
            return f"a list of {len(value)} with gaps"
        if is_list_of_arrays(value) or any(isinstance(part, (list, tuple)) for part in value):
            return f"a list of {len(value)} lists of different lengths"
    return shown(value)
