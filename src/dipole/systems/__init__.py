"""The published systems: one file each with a `SYSTEM`, in a room by its group.

`catalogue.tsv` lists all that are planned.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from dipole.errors import InputError
from dipole.lookup import nearest

if TYPE_CHECKING:
    from dipole.systems.base import System
    from dipole.training.recipe import Recipe


@cache
def files() -> dict[str, str]:
    """System -> the module that is its file, in the order of their names.

    >>> files()["dcl"]
    'dipole.systems.vision.dcl'
    """
    rooms = [room.name for room in pkgutil.iter_modules(__path__) if room.ispkg]
    found = {}
    for room in rooms:
        for file in pkgutil.iter_modules([f"{__path__[0]}/{room}"]):
            found[file.name.replace("_", "-")] = f"{__name__}.{room}.{file.name}"
    return dict(sorted(found.items()))


def system(id: str) -> System:
    """A system that has a file; an InputError suggests the nearest id."""
    if id not in files():
        raise InputError(f"system: found no {id!r}; {nearest(id, files())}")
    module = importlib.import_module(files()[id])
    found: System | None = getattr(module, "SYSTEM", None)
    if found is None or found.id != id:
        what = "no SYSTEM" if found is None else f"the system {found.id!r}"
        raise InputError(f"{files()[id]}: found {what}; expected SYSTEM = System(id={id!r}, ...)")
    return found


def hint(id: str) -> str:
    """What to say where a system is named for its objective; "" of what is no system.

    >>> hint("esimcse")
    "expected its objective, 'infonce', or --recipe esimcse"
    """
    if id not in files():
        from dipole.systems.catalogue import objectives

        return f"expected {' or '.join(map(repr, objectives()[id]))}" if id in objectives() else ""
    recipe = system(id).recipe
    if recipe is None or "objective" not in recipe.settings:
        return f"see dipole systems show {id}"
    return f"expected its objective, {recipe.settings['objective']!r}, or --recipe {id}"


def recipes() -> dict[str, Recipe]:
    """The recipes by the ids of their systems.

    >>> recipes()["dcl"].settings["objective"]
    'dcl'
    """
    found = {id: system(id).recipe for id in files()}
    return {id: recipe for id, recipe in found.items() if recipe is not None}


def without_recipe(id: str) -> str:
    """Why a system has no recipe; "" of what is no system.

    >>> without_recipe("diffuse"), without_recipe("csgcl")
    ('', 'which has no recipe; see dipole systems show csgcl')
    """
    from dipole.systems.catalogue import entries, objectives

    if id not in entries():
        return ""
    if id in files() or id in objectives():
        return f"which has no recipe; see dipole systems show {id}"
    return "which is planned and not built yet; see dipole systems"


def claimed() -> list[str]:
    """The ids of the systems that have a claim.

    >>> "dcl" in claimed()
    True
    """
    return [id for id in files() if system(id).claim is not None]


def recipe_places() -> dict[str, str]:
    """The recipes by the ids of their systems, as places in the code (see `studies.digest`).

    >>> recipe_places()["dcl"]
    'dipole.systems.vision.dcl:SYSTEM.recipe'
    """
    return {id: f"{module}:SYSTEM.recipe" for id, module in files().items()}


def code_of_system(id: str) -> str:
    """The digest of the code that decides what the claim of a system gives."""
    from dipole.studies.bench import place_of
    from dipole.studies.digest import code_of

    claim = system(id).claim
    benches = [place_of().get(claim.bench, claim.bench)] if claim and claim.bench else []
    return code_of([f"{files()[id]}:SYSTEM", *benches], recipe_places())
