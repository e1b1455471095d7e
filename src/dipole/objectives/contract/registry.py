"""Objectives by name: `@register("NAME", ...)` on the class says it, `OBJECTIVES` reads it there.

An objective of your own is known once its file is imported, or by its place: "my_file.py:MyLoss".
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from dipole.data.options import check_types
from dipole.errors import InputError
from dipole.kernels.settings import EXECUTORS
from dipole.lookup import find, nearest
from dipole.objectives.contract.base import Objective

# The published systems: a room above this one, so looked up by its name.
_SYSTEMS = "dipole.systems"
_MARK = re.compile(r'^@register\(\s*"([^"]+)".*?^class (\w+)', re.MULTILINE | re.DOTALL)


def listed(rooms: Path) -> dict[str, str]:
    """Registered name -> module:class of what is marked in the files of these rooms, read as text:
    a module is imported when its name is used."""
    found = {
        name: f"{file.parent.name}.{file.stem}:{cls}"
        for file in rooms.glob("*/*.py")
        for name, cls in _MARK.findall(file.read_text(encoding="utf-8"))
    }
    return dict(sorted(found.items()))


OBJECTIVES = listed(Path(__file__).parents[1])

_registered: dict[str, type[Objective]] = {}
C = TypeVar("C", bound=type[Objective])


def register(
    name: str,
    *,
    paper: str,
    system: str,
    form: str,
    related: tuple[str, ...] = (),
    rows: bool = True,
    executors: tuple[str, ...] = EXECUTORS,
) -> Callable[[C], C]:
    """Give an objective its name and its source.

    paper: authors, year, title, arXiv number; system: id in the list of systems, or the objective's
    own name where its paper is not in the list; form: the shape of the maths in a few words;
    related: registered names a reader should compare it with; rows: False for one number per batch,
    which has no other reduction than the mean; executors: () for an objective that does not run on
    the pair engine.
    """

    def mark(cls: C) -> C:
        taken = _registered.setdefault(name, cls)
        if (taken.__module__, taken.__qualname__) != (cls.__module__, cls.__qualname__):
            raise InputError(f"register: found '{name}' for {cls}, expected a name not yet taken")
        cls.name, cls.paper, cls.system, cls.form, cls.related = name, paper, system, form, related
        cls.rows, cls.executors = rows, executors
        return cls

    return mark


def registered() -> Mapping[str, type[Objective]]:
    """The objectives whose file is imported, by name: those of users too."""
    return _registered


def objective_class(name: str) -> type[Objective]:
    """The class of this name, at `file.py:Class` or `module:Class`, or of an installed package."""
    if name in _registered:
        return _registered[name]
    if name not in OBJECTIVES and (hint := importlib.import_module(_SYSTEMS).hint(name)):
        raise InputError(f"objective: found '{name}', a system; {hint}")
    table = OBJECTIVES | dict.fromkeys(_registered, "")
    found: type[Objective] = find(
        "objective", name, table, base=Objective, package="dipole.objectives"
    )
    return found


def options(cls: type[Objective]) -> dict[str, Any]:
    """Setting -> default of an objective, the common ones last."""
    own = inspect.signature(cls.__init__).parameters
    common = inspect.signature(Objective.__init__).parameters
    named = {n: p for n, p in own.items() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    return {name: p.default for name, p in (named | dict(common)).items() if name != "self"}


def build_objective(name: str, **settings: Any) -> Objective:
    """An objective by its registered name: `build_objective("infonce", temperature=0.05)`.

    Errors: an InputError names an unknown objective or setting and what is close to it.
    """
    cls = objective_class(name)
    known = options(cls)
    for key in settings:
        if key not in known:
            raise InputError(f"{name}: found setting '{key}'; {nearest(key, known)}")
    try:
        made = cls(**settings)
    except InputError:
        raise
    except (TypeError, ValueError, OverflowError, RuntimeError) as error:
        _check_types(cls, settings, name)
        raise InputError(f"{name}: found settings {settings}, but {error}") from error
    _check_types(cls, settings, name)  # after: what a class itself says of a range is better
    return made


def _check_types(cls: type[Objective], settings: dict[str, Any], name: str) -> None:
    own = inspect.signature(cls.__init__).parameters
    for function, takes in ((cls.__init__, True), (Objective.__init__, False)):
        part = {key: value for key, value in settings.items() if (key in own) == takes}
        check_types(function, part, f"{name}: setting")
