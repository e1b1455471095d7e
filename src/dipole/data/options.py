"""Options by name: of the types that a function or a settings model declares, and finite."""

from __future__ import annotations

import inspect
import os
import re
import typing
from collections.abc import Callable, Iterable, Mapping
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

from dipole.errors import InputError
from dipole.lookup import nearest
from dipole.showing import short

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)


class Settings(BaseModel):
    """A settings model of a command: no unknown names, no nan, no true where a number belongs."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_bool_for_a_number(cls, value: Any, info: Any) -> Any:
        annotation = cls.model_fields[info.field_name].annotation
        parts = value.values() if isinstance(value, dict) else value
        kinds = _members(annotation)
        for part in parts if isinstance(value, (dict, list)) else [value]:
            if isinstance(part, bool) and bool not in kinds and Any not in kinds:
                raise ValueError("expected a number or a text, not true or false")
        return value


def wrong_value(model: type[BaseModel], details: Mapping[str, Any]) -> str:
    """One line about one of pydantic's errors, which is of the value of a setting."""
    name, value = str(details["loc"][0]), details["input"]
    if details["type"] == "literal_error":
        expected = nearest(str(value), _choices(model.model_fields[name].annotation))
    else:
        said = details["msg"].removeprefix("Value error, ").partition(", unable")[0]
        expected = said.replace("Input should be", "expected")
        expected = re.sub("^expected (greater|less) than", r"expected a number \1 than", expected)
    return f"{name}: found {short(value)}; {expected}"


def _choices(annotation: Any) -> tuple[Any, ...]:
    """Those of the Literal in a type."""
    if get_origin(annotation) is typing.Literal:
        return get_args(annotation)
    return next(filter(None, map(_choices, get_args(annotation))), ())


def keywords(function: Callable[..., Any]) -> list[str]:
    """The names that a function takes by keyword only: its options."""
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]


def check_names(options: Iterable[str], known: Iterable[str], what: str, whose: str = "") -> None:
    """Raise InputError at an option that is not known, with the nearest that is."""
    known = list(known)
    for name in options:
        if name not in known:
            of = f"{whose} has no such setting" if whose else "no such setting"
            hint = nearest(str(name), known) if known else "expected none"
            raise InputError(f"{what} {name!r}: {of}; {hint}")


def check_types(function: Callable[..., Any], options: Mapping[str, Any], what: str) -> None:
    """Raise InputError at an option whose value is not of the type that `function` declares.

    Types that only Python can make (an encoder) are not looked at. 3.0 is no whole number, true no
    number, nan and infinity are no values of anything.
    """
    try:
        hints = typing.get_type_hints(function)
    except NameError:  # a name that is imported for type checkers alone
        hints = {}
    for name, value in options.items():
        check_type(hints.get(name, Any), value, f"{what} {name!r}")


def check_type(hint: Any, value: Any, what: str) -> None:
    """Raise InputError if a value is not of this type, with what was expected."""
    _check_finite(value, what)
    try:
        adapter = TypeAdapter(hint, config=_STRICT)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation):
        return None
    try:
        adapter.validate_python(value)
    except ValidationError:
        if isinstance(value, list) and tuple in _members(hint):  # yaml has no tuples
            return check_type(hint, tuple(value), what)
        raise InputError(f"{what}: found {short(value)}; expected {_words(hint)}") from None


def check_memory(numbers: int, what: str) -> None:
    """Raise InputError if so many float32 numbers cannot be held by this machine."""
    needed = 4 * numbers
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > there:
        raise InputError(
            f"{what}: needs {needed / 2**30:,.0f} GB of memory; this machine has "
            f"{there / 2**30:,.0f}"
        )


def _check_finite(value: Any, what: str) -> None:
    parts = value.values() if isinstance(value, Mapping) else value
    for part in parts if isinstance(value, (Mapping, list, tuple)) else [value]:
        if isinstance(part, float) and part - part != 0:
            raise InputError(f"{what}: found {short(value)}; expected finite numbers")


_NAMES = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_NAMES |= {dict: "a mapping", NoneType: "none"}


def _words(hint: Any) -> str:
    """A type in the words of a user."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return " or ".join(_words(part) for part in inner)
    if origin is typing.Literal:
        return " or ".join(map(str, inner))
    if origin is tuple and Ellipsis not in inner:
        return f"a list of {len(inner)}: {', '.join(_words(part) for part in inner)}"
    if origin not in (None, dict):
        return f"a list, each {_words(inner[0])}"
    return _NAMES.get(origin or hint, getattr(hint, "__name__", str(hint)))


def _members(annotation: Any) -> set[Any]:
    """The types that a union, and what it holds, are made of."""
    origin = get_origin(annotation)
    if origin is None:
        return {annotation}
    if origin is typing.Literal:
        return {str}
    inner = [_members(part) for part in get_args(annotation)]
    own: set[Any] = set() if origin in (Union, UnionType) else {origin}
    return own.union(*inner)
