"""The values of a field as a caller hands them over: texts or arrays, each checked by position."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dipole.data.arrays import as_array, checked_array, common_dtype, is_list_of_arrays
from dipole.data.fields import (
    ANY,
    NUMBER,
    NUMBERS,
    TEXT,
    TEXTS,
    VALUE,
    VALUES,
    arrow,
    arrow_type,
    as_stored,
    kind_of,
)
from dipole.data.inputs import batch_of, check_text, check_texts, described, real_number
from dipole.data.rows import BadValueError
from dipole.errors import InputError


def as_arrow(values: Any, kind: str, what: str) -> Any:
    """The values of a field as an Arrow array."""
    pa = arrow()
    found, kind = _checked(values, kind, what)
    if isinstance(found, np.ndarray) and found.ndim > 1:  # one array per row, all of one shape
        return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(found))
    try:
        if " " in kind:
            found = [as_stored(value) for value in found]
        plain = found if isinstance(found, np.ndarray) else list(found)
        return pa.array(plain, arrow_type(kind))
    except Exception as error:  # whatever Arrow makes of what it does not know
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{what}: found values of different types ({reason})") from None


def as_json(metadata: Any, count: int, name: str) -> list[str]:
    """What is known of each row beyond its fields, as json."""
    rows = batch_of(metadata, f"{name}: metadata")
    if len(rows) != count:
        raise InputError(f"{name}: metadata: found {len(rows)} for {count} rows; expected as many")
    found = []
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InputError(f"{name}: metadata[{place}] is {described(row)}; expected a dict")
        try:
            found.append(json.dumps(dict(row)))
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"{name}: metadata[{place}] cannot be written as json ({error})"
            ) from None
    return found


def metadata_json(rest: Mapping[str, Any]) -> str | None:
    """Columns of a row as json, without those that are empty; an object `metadata` as its parts."""
    if isinstance(rest.get("metadata"), Mapping):
        rest = {**rest["metadata"], **{n: v for n, v in rest.items() if n != "metadata"}}
    plain = {str(name): plain_json(value) for name, value in rest.items()}
    kept = {name: value for name, value in plain.items() if value not in ("", None)}
    return json.dumps(kept) if kept else None


def plain_json(value: Any) -> Any:
    """A value as json has it: no NaN, and a date as it prints."""
    if isinstance(value, Mapping):
        return {str(name): plain_json(part) for name, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain_json(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain_json(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)


def _checked(values: Any, kind: str, what: str) -> tuple[Any, str]:
    """The values as they are stored, and their kind where `kind` leaves it open.

    Raises InputError at the first value that is none of this kind, with its position. Whether a
    field holds texts or arrays, its first value says.
    """
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return _rows_of(values, kind, what), kind
    if kind in (VALUE, VALUES):
        several = kind == VALUES
        first = values[0] if len(values) else ""
        if several:
            rows = [_list_of(value, f"{what}[{place}]") for place, value in enumerate(values)]
            first = next((row[0] for row in rows if len(row)), "")
            values = rows
        if isinstance(first, str) or _array(first, f"{what}[0]") is None:
            _check(values, TEXTS if several else TEXT, what)
            return values, TEXTS if several else TEXT
        return _arrays(values, what, several=several)
    if kind == ANY and len(values) and _array(values[0], f"{what}[0]") is not None:
        return _arrays(values, what, several=False)
    _check(values, kind, what)
    return values, kind


def _arrays(values: Sequence[Any], what: str, *, several: bool) -> tuple[Any, str]:
    dtype = common_dtype([part for row in values for part in row] if several else values).name
    found: list[Any] = []
    for place, value in enumerate(values):
        try:
            if several:
                found.append([checked_array(part, dtype) for part in value])
            else:
                found.append(checked_array(value, dtype))
        except BadValueError as error:
            raise InputError(f"{what}[{place}]: {error}") from None
    if not several and len({array.shape for array in found}) == 1:
        return np.stack(found), kind_of(dtype)
    return found, kind_of(dtype, several=several)


def _rows_of(values: np.ndarray, kind: str, what: str) -> np.ndarray:
    """One array with a row per example."""
    if kind not in (VALUE, ANY) or values.dtype.kind not in "biuf":
        raise InputError(
            f"{what}: found {described(values)}; expected {_EXPECTED.get(kind, 'a list')}"
        )
    if values.size == 0 and len(values):
        raise InputError(f"{what}: found {described(values)}; expected arrays that are not empty")
    if (
        values.dtype.kind == "f"
        and not (good := np.isfinite(values).reshape(len(values), -1).all(1)).all()
    ):
        raise InputError(f"{what}[{int(np.argmin(good))}] has numbers that are not finite")
    return values.astype(values.dtype.newbyteorder("="), copy=False)


_EXPECTED = {TEXT: "texts", TEXTS: "lists of texts", NUMBER: "one number a row",
             NUMBERS: "lists of numbers", VALUES: "lists of texts or of arrays"}  # fmt: skip


def _list_of(value: Any, what: str) -> Sequence[Any]:
    is_array = isinstance(value, np.ndarray) and value.ndim > 0
    if not is_array and not is_list_of_arrays(value):
        return batch_of(value, what)
    return list(value)


def _array(value: Any, what: str) -> np.ndarray | None:
    try:
        return as_array(value)
    except BadValueError as error:
        raise InputError(f"{what}: {error}") from None


def _check(values: Sequence[Any], kind: str, what: str) -> None:
    if kind == TEXT:
        check_texts(values, what)
    elif kind in (TEXTS, NUMBERS):
        for place, value in enumerate(values):
            part = TEXT if kind == TEXTS else NUMBER
            _check(batch_of(value, f"{what}[{place}]"), part, f"{what}[{place}]")
    elif kind == NUMBER:
        for place, value in enumerate(values):
            real_number(value, f"{what}[{place}]")
    elif kind == ANY:
        for place, value in enumerate(values):
            if isinstance(value, str):
                check_text(value, f"{what}[{place}]")
            elif (found := described(value)) in ("None", "nan"):
                raise InputError(f"{what}[{place}] is {found}; expected a value")
