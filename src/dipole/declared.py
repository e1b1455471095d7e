"""Settings as typed fields: their ranges, and the `__init__` made of them.

    class FocalInfoNCE(Objective):
        temperature: Temperature = Temperature(0.05)
        gamma: NotNegative = 1.0

A field with a range checks what it is given; a type checker and completion see the constructor.
"""

from __future__ import annotations

import inspect
import math
import types
from collections.abc import Callable
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    Union,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from torch import nn

from dipole.errors import InputError


@dataclass(frozen=True)
class Range:
    """Numbers that a setting may be: above or from a least, below or to a most."""

    least: float = -math.inf
    most: float = math.inf
    above: bool = False  # the least itself is none of them

    def __contains__(self, value: float) -> bool:
        low = value > self.least if self.above else value >= self.least
        return math.isfinite(value) and low and value <= self.most

    def __str__(self) -> str:
        if self.least == -math.inf:
            return "a number" if self.most == math.inf else f"a number of {self.most:g} at most"
        start = f"above {self.least:g}" if self.above else f"of {self.least:g} or more"
        if self.most == math.inf:
            return f"a number {start}"
        if self.above:
            return f"a number {start}, at most {self.most:g}"
        return f"a number from {self.least:g} to {self.most:g}"


Positive = Annotated[float, Range(0, above=True)]
NotNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
Count = Annotated[int, Range(1)]


def checked(name: str, kind: Any, value: Any) -> Any:
    """The value of a setting, or an InputError that says what its type expects."""
    if get_origin(kind) in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        kind, *others = [part for part in get_args(kind) if part is not type(None)]
        if any(isinstance(other, type) and isinstance(value, other) for other in others):
            return value
    limits = None
    if get_origin(kind) is Annotated:
        kind, *limits = get_args(kind)
    if get_origin(kind) is Literal:
        return _one_of(name, get_args(kind), value)
    if kind is bool and not isinstance(value, bool):
        raise InputError(f"{name}: found {value!r}, expected True or False")
    if kind is str and not isinstance(value, str):
        raise InputError(f"{name}: found {value!r}, expected text")
    if kind in (int, float):
        ranges = [limit for limit in limits or () if isinstance(limit, Range)]
        return _number(name, kind, value, ranges[0] if ranges else Range())
    return value


def _one_of(name: str, known: tuple[Any, ...], value: Any) -> Any:
    if value not in known:
        *rest, last = (repr(one) for one in known)
        expected = f"{', '.join(rest)} or {last}" if rest else last
        raise InputError(f"{name}: found {value!r}, expected {expected}")
    return value


def _number(name: str, kind: type, value: Any, limits: Range) -> Any:
    wanted = str(limits).replace("a number", "a whole number") if kind is int else str(limits)
    good = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if not good or value not in limits:
        raise InputError(f"{name}: found {value!r}, expected {wanted}")
    return value


def setting(*, default: Any, kw_only: bool = False) -> Any:
    """A field that is given by name only; a plain `name: type = default` is given either way."""
    return _Setting(default, kw_only)


@dataclass(frozen=True)
class _Setting:
    default: Any
    kw_only: bool


@dataclass_transform(field_specifiers=(setting,))
class Declared(nn.Module):
    """A module whose annotated fields are its settings: `__init__` checks them and stores them.

    A subclass with an `__init__` of its own is left alone. `__post_init__` is called at the end.
    """

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for name in own_fields(cls).keys() & vars(cls).keys():
            default = vars(cls)[name]
            if isinstance(default, _Setting):
                cls._named_only = cls._named_only | {name}
                default = default.default
            cls._defaults = cls._defaults | {name: default}
            # On the class it would hide a parameter or a layer of that name.
            if not hasattr(default, "__get__"):
                delattr(cls, name)
        cls.declared = cls.declared and "__init__" not in vars(cls)
        if not cls.declared:
            return
        made = _init(cls, inspect.Signature(_parameters(cls)))
        made.__name__, made.__qualname__ = "__init__", f"{cls.__qualname__}.__init__"
        cls.__init__ = made  # type: ignore[method-assign]

    # Whether all that is set is a field: no class on the way has an `__init__` of its own.
    declared: ClassVar[bool] = True
    _named_only: ClassVar[frozenset[str]] = frozenset()
    _defaults: ClassVar[dict[str, Any]] = {}

    def __post_init__(self) -> None:
        """What is made of the settings; nothing here."""

    def settings(self) -> dict[str, Any]:
        """Setting -> value, as the object has them now."""
        return {name: getattr(self, name) for name in fields(type(self))}


def fields(cls: type[Declared]) -> dict[str, Any]:
    """Setting -> default of a class, those of its base classes first."""
    found: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, Declared) and base is not Declared:
            for name in own_fields(base):
                default = cls._defaults.get(name, inspect.Parameter.empty)
                found[name] = getattr(cls, name, default)
    return found


def own_fields(cls: type[Declared]) -> dict[str, Any]:
    """Setting -> annotation, of those that the class itself adds or changes."""
    hints = vars(cls).get("__annotations__", {}).items()
    return {n: x for n, x in hints if not n.startswith("_") and "ClassVar" not in str(x)}


def _init(cls: type[Declared], signature: inspect.Signature) -> Callable[..., None]:
    kinds: dict[str, Any] = {}

    def init(self: Declared, *args: Any, **given: Any) -> None:
        bound = signature.bind(self, *args, **given)
        bound.apply_defaults()
        if not kinds:  # a class is not whole before it is used
            kinds.update(get_type_hints(cls, include_extras=True))
        nn.Module.__init__(self)
        for name, value in list(bound.arguments.items())[1:]:
            setattr(self, name, checked(name, kinds[name], value))
        self.__post_init__()

    init.__signature__ = signature  # type: ignore[attr-defined]
    return init


def _parameters(cls: type[Declared]) -> list[inspect.Parameter]:
    """self, then what may be given by place, then what is given by name."""
    either, named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    own = [
        inspect.Parameter(name, named if name in cls._named_only else either, default=default)
        for name, default in fields(cls).items()
    ]
    own.sort(key=lambda parameter: parameter.kind)
    return [inspect.Parameter("self", either), *own]
