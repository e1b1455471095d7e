"""Parts by name: `queue`, `module:Class` or `file.py:Class`, with their settings.

queue:size=160,holds=anchor                 on the command line, as --part
{queue: {size: 160, holds: anchor}}         in a recipe
Queue(size=160, holds="anchor")             in Python
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Iterable
from types import NoneType
from typing import Any

import yaml

from dipole.data.options import check_types
from dipole.errors import InputError
from dipole.lookup import find, nearest
from dipole.training.config import PYTHON
from dipole.training.parts.base import Part
from dipole.training.yaml_loading import load_yaml

# Name -> module:class of this package.
PARTS = {
    "centroids": "centroids:Centroids",
    "mixed": "queue:Mixed",
    "queue": "queue:Queue",
    "teacher": "teacher:Teacher",
}
# A name with a setting that makes it another class.
OTHERWISE = {"teacher:model": "stored_teacher:StoredTeacher"}
PACKAGE = "dipole.training.parts"
OWN = "one of your own, as file.py:Class"
_SETTINGS = re.compile(r"(?P<name>[^=]+?):(?P<settings>[^:=]+=.*)", re.DOTALL)
_COMMA = re.compile(r",(?=\s*[A-Za-z_]\w*=)")

_PLAIN = (str, int, float, bool, NoneType, list, dict)

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
    return [PYTHON + _shown(part) if isinstance(part, Part) else part for part in parts]


def make(name: str, settings: dict[str, Any]) -> Part:
    """One part by its name, with its settings."""
    cls = part_class(name, settings)
    known = inspect.signature(cls).parameters
    for key in settings:
        if key not in known:
            expected = nearest(str(key), known) if known else "expected none"
            raise InputError(f"part {name}: found setting '{key}'; {expected}")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in settings:
            raise InputError(f"part {name}: found no {key}; expected --part {name}:{key}=...")
    if not cls.declared:
        check_types(cls.__init__, settings, f"part {name}: setting")
    try:
        return cls(**settings)
    except InputError as error:
        text = str(error)
        raise InputError(text if text.startswith(f"{name}:") else f"part {name}: {text}") from None


def part_class(name: str, settings: Iterable[str] = ()) -> type[Part]:
    """The class that a name, with the names of its settings, means."""
    key = next((f"{name}:{key}" for key in settings if f"{name}:{key}" in OTHERWISE), name)
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
    if name.startswith(PYTHON):
        raise InputError(
            f"parts: the run was given {name.removeprefix(PYTHON)}; expected the same to go on: "
            "fit(parts=[...])"
        )
    part = make(name, settings)
    whole = part.settings() if part.declared else {}  # defaults too: they may be others one day
    return {name: {k: v for k, v in whole.items() if isinstance(v, _PLAIN)} | settings}


def read(part: Any) -> tuple[str, dict[str, Any]]:
    """(name, settings) of one part, however it was written."""
    if isinstance(part, str):
        if part.startswith(PYTHON):
            return part, {}
        split = _SETTINGS.fullmatch(part)
        return (split["name"], _values(split["settings"], part)) if split else (part, {})
    if isinstance(part, dict) and len(part) == 1:
        ((name, settings),) = part.items()
        if isinstance(name, str) and isinstance(settings, dict | None):
            return name, settings or {}
    raise InputError(
        f"parts: found {part!r}; expected a name, as queue:size=160, or {{queue: {{size: 160}}}}"
    )


def _values(text: str, part: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in _COMMA.split(text):
        key, _, value = (word.strip() for word in pair.partition("="))
        if key in found:
            raise InputError(f"--part {part}: found {key!r} twice; expected every key once")
        try:
            found[key] = load_yaml(value)
        except yaml.YAMLError:
            raise InputError(f"--part {part}: {key}: the value is not valid yaml") from None
    return found


def _shown(part: Part) -> str:
    settings = part.settings() if part.declared else {}
    inner = ", ".join(f"{name}={value!r}" for name, value in settings.items())
    return f"{type(part).__name__}({inner})"
