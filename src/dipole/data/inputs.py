"""A batch of inputs as a caller hands it over: by position, and each of them of the right kind."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from dipole.errors import InputError
from dipole.showing import short


def batch_of(values: Any, what: str) -> Sequence[Any]:
    """The values as a sequence indexed by position, whatever holds them.

    Lists, tuples and other sequences are used as they are, an array by its rows. Columns of pandas,
    polars and Arrow and anything else that is iterated (a generator) become a list, in their order.

    Raises:
        InputError: one text, a mapping, a set (it has no order), a table, a single value.

    >>> batch_of((text for text in ["a", "b"]), "inputs")
    ['a', 'b']
    """
    if isinstance(values, (list, tuple)):
        return values
    if isinstance(values, str):
        raise InputError(f"{what}: found one text; expected a list, as [{short(values)}]")
    if isinstance(values, (set, frozenset)):
        raise InputError(f"{what}: found a {type(values).__name__}, which has no order; expected "
                         "a list")  # fmt: skip
    if isinstance(values, Mapping):
        raise InputError(f"{what}: found {described(values)}; expected a list, as list(x.values())")
    if hasattr(values, "columns") or hasattr(values, "column_names"):
        raise InputError(f"{what}: found {described(values)}; expected one of its columns")
    if _is_array(values) and values.ndim:
        return values.tolist() if values.dtype.kind in "UTO" else values
    for name in ("to_pylist", "to_list"):  # by position: Arrow, then pandas and polars
        if hasattr(values, name):
            found: list[Any] = getattr(values, name)()
            return found
    one = isinstance(values, (bytes, bytearray, memoryview)) or _is_array(values)
    if one or not isinstance(values, Iterable):
        raise InputError(f"{what}: found {described(values)}; expected a list")
    return values if isinstance(values, Sequence) else list(values)


def check_texts(values: Iterable[Any], what: str) -> None:
    """Raise InputError at the first value that is not text, with its position.

    Text is a `str` of whole characters: half of a surrogate pair cannot be written as UTF-8.
    """
    for place, value in enumerate(values):
        if not isinstance(value, str) or not value.isascii():
            check_text(value, f"{what}[{place}]")


def check_text(value: Any, what: str) -> None:
    """Raise InputError if a value is not text."""
    if not isinstance(value, str):
        raise InputError(f"{what} is {described(value)}; expected text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(
            f"{what} has half of a surrogate pair, U+{ord(value[error.start]):04X}, at character "
            f"{error.start}; expected valid Unicode text"
        ) from None


def described(value: Any) -> str:
    """What a value is, as messages say it: None, nan, a dict, an array of uint8 (8, 8)."""
    if value is None:
        return "None"
    if isinstance(value, Real) and value != value:
        return "nan"
    if _is_array(value):
        return f"an array of {value.dtype} {value.shape}"
    if isinstance(value, (bytes, bytearray)):
        return type(value).__name__
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def modality(value: Any) -> str:
    """What an input is, "text" or "image" (a uint8 array of 2 or 3 axes); "" without a name."""
    if isinstance(value, str):
        return "text"
    is_image = _is_array(value) and value.dtype == "uint8" and value.ndim in (2, 3)
    return "image" if is_image else ""


def whole_number(value: Any, what: str, least: int = 1, most: int | None = None) -> int:
    """A whole number from `least` on, as an int; 3.0, "3" and True are none."""
    ok = type(value) is not bool and isinstance(value, Integral) and int(value) >= least
    if not ok or (most is not None and value > most):
        upto = f" to {most:,}" if most is not None else " or more"
        raise InputError(f"{what}: found {short(value)}; expected a whole number, {least}{upto}")
    return int(value)


def real_number(
    value: Any, what: str, least: float | None = None, most: float | None = None
) -> float:
    """A finite number from `least` to `most`, as a float; nan, "3" and True are none."""
    try:
        number = float(value) if isinstance(value, Real) else math.nan
    except OverflowError:
        number = math.inf
    low, high = -math.inf if least is None else least, math.inf if most is None else most
    if isinstance(value, bool) or not math.isfinite(number) or not low <= number <= high:
        where = "" if least is None else f", {least:g} or more"
        if most is not None:
            where = f", at most {most:g}" if least is None else f", {least:g} to {most:g}"
        raise InputError(f"{what}: found {short(value)}; expected a finite number{where}")
    return number


def _is_array(value: Any) -> bool:
    """Whether a value is an array; where nobody imported numpy there is none, and we need not."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, numpy.ndarray)
