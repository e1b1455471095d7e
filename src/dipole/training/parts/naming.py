"""Parts by name: `queue`, `module:Class` or `file.py:Class`, with their settings.

queue:size=160,holds=anchor                 on the command line, as --part
{queue: {size: 160, holds: anchor}}         in a recipe
Queue(size=160, holds="anchor")             in Python
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any, TypeVar

from dipole.data.options import check_types
from dipole.declared import Declared
from dipole.errors import InputError
from dipole.lookup import find, nearest
from dipole.training.formats import PYTHON, given_again
from dipole.training.naming import PARTS, read_named
from dipole.training.parts.base import Part

# A name with a setting that makes it another class.
OTHERWISE = {
    "teacher:model": "stored_teacher:StoredTeacher",
    "teacher:model of pairs": "pair_teacher:PairTeacher",
}
PACKAGE = "dipole.training.parts"
OWN = "one of your own, as file.py:Class"
_PLAIN = (str, int, float, bool, NoneType, list, dict)

M = TypeVar("M", bound=Declared)

# A part as a recipe has it: {name: settings}; or an object.
Entry = dict[str, dict[str, Any]] | Part


def entries(value: Any) -> list[Entry]:
    """The parts of a training as `Config` keeps them: every setting checked, and written out.

    Raises InputError, in one line, at a name or a setting that is not known.
    """
    parts = value if isinstance(value, list | tuple) else [value]
    return [part if isinstance(part, Part) else _entry(part) for part in parts]


def made(parts: Iterable[Entry]) -> list[Part]:
    """The parts themselves, as they are before a training; an object is copied, so that two
    trainings share nothing."""
    return [
        copy.deepcopy(part) if isinstance(part, Part) else make(*next(iter(part.items())))
        for part in parts
    ]


def described(parts: Iterable[Entry]) -> list[Any]:
    """What config.yaml says of the parts."""
    return [PYTHON + shown(part) if isinstance(part, Part) else part for part in parts]


def make(name: str, settings: dict[str, Any]) -> Part:
    """One part by its name, with its settings."""
    return built(part_class(name, settings), "part", name, settings)


def built(cls: type[M], kind: str, name: str, settings: dict[str, Any]) -> M:
    """An object of a class of this `kind` with its settings, which are checked by name and type."""
    known = inspect.signature(cls).parameters
    for key in settings:
        if key not in known:
            expected = nearest(str(key), known) if known else "expected none"
            raise InputError(f"{kind} {name}: found setting '{key}'; {expected}")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in settings:
            raise InputError(f"{kind} {name}: found no {key}; expected --{kind} {name}:{key}=...")
    if not cls.declared:
        check_types(cls.__init__, settings, f"{kind} {name}: setting")
    try:
        return cls(**settings)
    except InputError as error:
        text = str(error)
        said = text if text.startswith(f"{name}:") else f"{kind} {name}: {text}"
        raise InputError(said) from None


def part_class(name: str, settings: Mapping[str, Any] | None = None) -> type[Part]:
    """The class that a name with its settings means."""
    settings = settings or {}
    key = next((f"{name}:{key}" for key in settings if f"{name}:{key}" in OTHERWISE), name)
    if key == "teacher:model" != name and isinstance(settings["model"], str):
        from dipole.training.parts.scoring import reads_pairs

        key += " of pairs" * reads_pairs(settings["model"])
    table = PARTS | ({key: OTHERWISE[key]} if key != name else {})
    found: type[Part] = find("part", key, table, base=Part, package=PACKAGE, others=OWN)
    return found


def name_of(part: Part) -> str:
    """How messages call a part."""
    name = getattr(part, "name", "")
    return f"{_class_name(type(part))} {name}" if name else _class_name(type(part))


def _class_name(cls: type[Part]) -> str:
    if not cls.__module__.startswith(PACKAGE):
        return cls.__name__
    classes = {place.rpartition(":")[2]: name for name, place in (PARTS | OTHERWISE).items()}
    return classes.get(cls.__name__, cls.__name__.lower()).partition(":")[0]


def _entry(given: Any) -> Entry:
    name, settings = read(given)
    given_again("parts", name, "fit(parts=[...])")
    part = make(name, settings)
    whole = part.settings() if part.declared else {}  # defaults too: they may be others one day
    return {name: {k: v for k, v in whole.items() if isinstance(v, _PLAIN)} | settings}


def read(
    given: Any, setting: str = "parts", example: str = "queue:size=160"
) -> tuple[str, dict[str, Any]]:
    """(name, settings) of one part, or a step, however it was written."""
    if isinstance(given, str) and given.startswith(PYTHON):
        return given, {}
    return read_named(given, setting, example)


def shown(part: Declared) -> str:
    """An object as config.yaml names it."""
    settings = part.settings() if part.declared else {}
    inner = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"{type(part).__name__}({inner})"
