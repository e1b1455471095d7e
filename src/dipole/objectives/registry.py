"""Objectives by name: `@register(...)` on the class, one line in `OBJECTIVES`."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from dipole.errors import InputError
from dipole.kernels.settings import EXECUTORS
from dipole.objectives.base import Objective

# Registered name -> module:class in this package; a module is imported when its name is used.
OBJECTIVES = {
    "dcl": "dcl:DCL",
    "dclw": "dcl:DCLW",
    "infonce": "infonce:InfoNCE",
    "ntxent": "ntxent:NTXent",
    "siglip": "sigmoid:Sigmoid",
    "supcon": "supcon:SupCon",
}

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

    paper: authors, year, title, arXiv number; system: id in the list of systems; form: the shape
    of the maths in a few words; related: registered names a reader should compare it with;
    rows: False for one number per batch, which has no other reduction than the mean;
    executors: () for an objective that does not run on the pair engine.
    """

    def mark(cls: C) -> C:
        cls.name, cls.paper, cls.system, cls.form, cls.related = name, paper, system, form, related
        cls.rows, cls.executors = rows, executors
        return cls

    return mark


def objective_class(name: str) -> type[Objective]:
    """The class registered as `name`; an InputError suggests close names."""
    if name not in OBJECTIVES:
        raise InputError(f"objective: found '{name}', expected {_suggest(name, OBJECTIVES)}")
    module, _, cls = OBJECTIVES[name].partition(":")
    found: type[Objective] = getattr(importlib.import_module(f"dipole.objectives.{module}"), cls)
    return found


def options(cls: type[Objective]) -> dict[str, Any]:
    """Setting -> default of an objective, the common ones last."""
    own = inspect.signature(cls.__init__).parameters
    common = inspect.signature(Objective.__init__).parameters
    named = [p for p in own.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]
    return {p.name: p.default for p in [*named, *common.values()] if p.name != "self"}


def build_objective(name: str, **settings: Any) -> Objective:
    """An objective by its registered name: `build_objective("infonce", temperature=0.05)`.

    Errors: an InputError names an unknown objective or setting and what is close to it.
    """
    cls = objective_class(name)
    known = options(cls)
    for key in settings:
        if key not in known:
            raise InputError(f"{name}: found setting '{key}', expected {_suggest(key, known)}")
    return cls(**settings)


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word.lower(), known, n=3, cutoff=0.6)
    return " or ".join(f"'{w}'" for w in close) if close else "one of " + ", ".join(known)
