"""Batches of Arrow as rows; lists of numbers become arrays of the dtype they are stored in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from dipole.errors import optional


def arrow_rows(batches: Iterable[Any], first: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of record batches or tables as dicts, numbered from `first` on."""
    number = first
    for batch in batches:
        names = batch.schema.names
        for values in zip(*(_values(batch.column(i)) for i in range(len(names))), strict=True):
            yield number, dict(zip(names, values, strict=True))
            number += 1


def _values(column: Any) -> list[Any]:
    """Python values of a column, and arrays of numpy for lists of numbers."""
    if hasattr(column, "chunks"):
        return [value for chunk in column.chunks for value in _values(chunk)]
    if hasattr(column, "to_numpy_ndarray"):
        return list(column.to_numpy_ndarray()) if len(column) else []
    dtype = _dtype(column.type)
    if dtype is None:
        return list(column.to_pylist())
    flat = _flat(column)
    return [_array(value, dtype) for value in column.to_pylist()] if flat is None else flat


def _flat(column: Any) -> list[np.ndarray] | None:
    """Lists of numbers without a gap, cut out of their buffer; None for any other column."""
    types = optional("pyarrow", "text").types
    is_list = types.is_list(column.type) or types.is_large_list(column.type)
    if not is_list or column.null_count or types.is_nested(column.type.value_type):
        return None
    values = column.flatten()
    if values.null_count or not len(column):
        return None
    ends = np.cumsum(column.value_lengths().to_numpy(zero_copy_only=False))
    return np.split(values.to_numpy(zero_copy_only=False), ends[:-1])


def _dtype(kind: Any) -> np.dtype | None:
    """The dtype of the numbers in lists (of lists ...); None for any other type."""
    types = optional("pyarrow", "text").types
    depth = 0
    while True:
        kind = getattr(kind, "storage_type", kind)
        if not any(
            test(kind) for test in (types.is_list, types.is_large_list, types.is_fixed_size_list)
        ):
            break
        kind, depth = kind.value_type, depth + 1
    if not depth or not (types.is_integer(kind) or types.is_floating(kind)):
        return None
    return np.dtype(kind.to_pandas_dtype())


def _array(value: Any, dtype: np.dtype) -> Any:
    if value is None or len(value) == 0:
        return value
    try:
        return np.array(value, dtype)
    except (ValueError, TypeError):  # of different lengths, or with gaps: as it is
        if all(isinstance(part, list) and part for part in value):
            return [_array(part, dtype) for part in value]
        return value
