"""A digest of the code that decides a result, so that no result outlives what made it.

It covers a definition and all that it names, from file to file, in the rooms below that decide what
is learnt and measured, as syntax trees without docstrings. What comes by name (`objective="dcl"`,
`parts=["queue"]`) counts as well. Kernels, encoders and the training loop are left out: the
objectives' battery and the golden files guard them; so are installed libraries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from dipole.data.cache import digest
from dipole.lookup import plugins
from dipole.objectives.contract.registry import OBJECTIVES, registered
from dipole.studies.syntax import source

# Version of the benches: raised by one when their data or towers change in a way that the code does
# not show, as another edition of a data set; all verdicts are stale then.
BENCHES = 1
ROOMS = (
    "objectives", "sampling", "views", "training.parts", "training.samplers", "studies.benches",
    "studies.measures", "studies.data", "systems", "evaluation.tasks", "evaluation.geometry",
    "evaluation.bounds", "aligning.words", "language.self_samples", "language.rewards",
)  # fmt: skip
# What these rooms have of their own: how settings are read, and how things are found by name.
_LEFT_OUT = (
    "objectives.contract", "training.parts.base", "training.parts.naming", "training.parts.names",
    "training.parts.order", "training.parts.scoring", "systems.base", "systems.catalogue",
    "systems.results", "evaluation.tasks.registry",
)  # fmt: skip
# Where a text may name an objective, a part, a view, a recipe: in what is written for one result.
_NAMING = ("dipole.systems.", "dipole.studies.benches.")
_PLACE = re.compile(r"(?<![\w./])[A-Za-z_][\w.]*:[A-Za-z_]\w*(?![\w=])")
_FILE = re.compile(r"([^\s*+]+\.py):([A-Za-z_]\w*)")
# Systems whose ids are words that other claims have too (a coin is tossed); no claim compares with
# their recipes.
_WORDS = {"coin"}
_WORD = re.compile(r"[A-Za-z][\w-]*")

Place = tuple[str, str]


def code_of(places: Iterable[str], recipes: Mapping[str, str] = {}) -> str:
    """The digest of what lies at `module:name` places, and of all that decides with it.

    recipes: name of a recipe -> the place of its settings.
    """
    found = sorted((module, name) for module, name in reached(places, recipes))
    shapes = []
    for module, name in found:
        file = source(module)
        assert file is not None
        shapes.append([module, name, file.definition(name).shape])
    return digest(BENCHES, shapes)


def named(texts: Iterable[str]) -> set[str]:
    """The places of the objectives, parts, views, samplers, measures and functions in texts, those
    of users too: `module:name`, or `/path/file.py:name`.

    Example:
        >>> named(["queue:size=160"])
        {'dipole.training.parts.queue:Queue'}
    """
    places = set()
    for text in texts:
        for file, name in _FILE.findall(text):
            places.add(f"{Path(file).expanduser().absolute()}:{name}")
        rest = _FILE.sub(" ", text)
        places.update(_PLACE.findall(rest))
        for word in _WORD.findall(rest):
            places.update(_known().get(word, ()))
            if word in registered():
                places.add(_place(registered()[word]))
    return places


def reached(places: Iterable[str], recipes: Mapping[str, str] = {}) -> set[Place]:
    """(module, name) of every definition that decides: those of the places, and what they name."""
    waiting = [_root(place) for place in places]
    found: set[Place] = set()
    while waiting:
        place = _home(*waiting.pop())
        if place is None or place in found:
            continue
        found.add(place)
        module, name = place
        file = source(module)
        assert file is not None
        definition = file.definition(name)
        for used, attribute in definition.names:
            if used in file.nodes:
                waiting.append((module, used))
            elif used in file.imports:
                origin, what = file.imports[used]
                waiting.append((origin, what or attribute))
                waiting.append((f"{origin}.{what}", attribute))
        if module.startswith(_NAMING) or not module.startswith("dipole."):
            by_name = named(definition.texts)
            words = {word for text in definition.texts for word in _WORD.findall(text)}
            by_name |= {recipes[word] for word in (words - _WORDS) & recipes.keys()}
            waiting += [(m, n) for m, _, n in (one.rpartition(":") for one in by_name)]
    return found


def _root(place: str) -> Place:
    """A place to begin at; of what is made inside a function, or found otherwise, all the file."""
    module, _, name = place.rpartition(":")
    file, top = source(module), name.partition(".")[0]
    if file is None or name in file.nodes:
        return module, name
    return module, top if top in file.nodes and "<locals>" not in name else ""


def _home(module: str, name: str) -> Place | None:
    """Where a name is defined, behind what imports it; None where that decides nothing."""
    if not _decides(module):
        return None
    if module == "dipole.objectives":
        place = _objective_classes().get(name)
        return _home(*place) if place else None
    file = source(module)
    if file is None:
        return None
    if not name or name in file.nodes:
        return module, name
    if name in file.imports:
        origin, what = file.imports[name]
        return _home(origin, what)
    return None


def _decides(module: str) -> bool:
    """Whether what is in a module counts: of dipole's the rooms above, of users' all."""
    package, _, rest = module.partition(".")  # a file is none of dipole's
    return package != "dipole" or (
        any(rest == room or rest.startswith(f"{room}.") for room in ROOMS)
        and not any(rest == out or rest.startswith(f"{out}.") for out in _LEFT_OUT)
    )


@cache
def _objective_classes() -> dict[str, Place]:
    places = [place.partition(":") for place in OBJECTIVES.values()]
    return {name: (f"dipole.objectives.{module}", name) for module, _, name in places}


@cache
def _known() -> Mapping[str, tuple[str, ...]]:
    """Name -> the places of all that goes by it."""
    from dipole.studies.measures import MEASURES
    from dipole.training.mined import FUNCTIONS
    from dipole.training.parts.naming import OTHERWISE, PARTS
    from dipole.training.samplers import SAMPLERS
    from dipole.views import VIEWS

    found: dict[str, list[str]] = {}
    for room, table in (
        ("objectives", OBJECTIVES), ("training.parts", PARTS), ("views", VIEWS),
        ("training.parts", {name.partition(":")[0]: place for name, place in OTHERWISE.items()}),
    ):  # fmt: skip
        for name, place in table.items():
            found.setdefault(name, []).append(f"dipole.{room}.{place}")
    functions = [(name, one) for name, both in SAMPLERS.items() for one in both if one]
    for name, function in [*functions, *MEASURES.items()]:
        found.setdefault(name, []).append(_place(function))
    for name, function in FUNCTIONS.items():
        found.setdefault(name, []).append(function)
    for kind in ("objective", "part", "view", "sampler"):
        for name, point in plugins(kind).items():
            found.setdefault(name, []).append(f"{point.module}:{point.attr}")
    return {name: tuple(places) for name, places in found.items()}


def _place(thing: Any) -> str:
    return thing if isinstance(thing, str) else f"{thing.__module__}:{thing.__qualname__}"
