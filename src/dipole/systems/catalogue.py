"""Every system dipole means to have, and how far each is."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from dipole.errors import InputError
from dipole.files import write_text
from dipole.lock import Lock
from dipole.lookup import close_to, nearest

MISSING, BUILT = "missing", "built"
# Written beside the pages by `dipole prove`: id -> verdict, date, version.
RESULTS = "results.json"


@dataclass(frozen=True)
class Entry:
    """One system: id, group, title and arXiv number of its paper (or "")."""

    id: str
    group: str
    title: str
    arxiv: str


@dataclass(frozen=True)
class State:
    """A system and where it stands; `parts` are its objectives, recipe, or place in the package."""

    id: str
    group: str
    state: str
    title: str
    paper: str
    parts: tuple[str, ...]
    page: str

    def to_json(self) -> dict[str, Any]:
        """As `dipole systems --json` prints it."""
        return asdict(self)


@cache
def entries() -> dict[str, Entry]:
    """The systems by id, in the order of the list that comes with the package."""
    text = files(__package__).joinpath("catalogue.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    return {id: Entry(id, group, title, arxiv) for group, id, arxiv, title in rows}


def entry_of(id: str) -> Entry:
    """One system; an InputError suggests close ids."""
    if id not in entries():
        hint = nearest(id, entries()) if close_to(id, entries()) else "see dipole systems"
        raise InputError(f"system: found no {id!r}; {hint}")
    return entries()[id]


def pages_folder() -> Path:
    """Where pages of claims are: docs/systems of a checkout, else ./systems."""
    is_checkout = Path("src/dipole").is_dir() and Path("docs").is_dir()
    return Path("docs/systems") if is_checkout else Path("systems")


def states(folder: Path | None = None) -> list[State]:
    """Every system's state: *missing*, *built*, or the verdict of the claim whose page is there."""
    folder = folder or pages_folder()
    results = read_results(folder)
    parts = built_parts()
    found = []
    for system in entries().values():
        own = parts.get(system.id, ())
        verdict = results.get(system.id, {}).get("verdict")
        page = folder / f"{system.id}.md"
        found.append(
            State(
                system.id,
                system.group,
                verdict or (BUILT if own else MISSING),
                system.title,
                f"https://arxiv.org/abs/{system.arxiv}" if system.arxiv else "",
                own,
                str(page) if page.exists() else "",
            )
        )
    return found


@cache
def built_parts() -> Mapping[str, tuple[str, ...]]:
    """Entry -> what is there of it: objectives by name, a recipe, places in the package.

    An objective says which system it is of, `objectives.systems` which calls make a system's loss;
    what is no objective is said by its file, or in places.tsv.
    """
    from dipole.objectives.contract.registry import OBJECTIVES, objective_class
    from dipole.objectives.contract.systems import SYSTEMS
    from dipole.systems import files, system

    parts: dict[str, list[str]] = {}
    for name in OBJECTIVES:
        parts.setdefault(objective_class(name).system, []).append(f"objective {name}")
    for name, (call, _) in SYSTEMS.items():
        if name not in parts:  # made of the objectives of others
            parts[name] = [call]
    for name, place in places().items():
        parts.setdefault(name, []).append(place)
    for name in files():
        if system(name).recipe is not None:
            parts.setdefault(name, []).append(f"recipe {name}")
        if system(name).claim is not None:
            parts.setdefault(name, []).append("claim")
    return {name: tuple(found) for name, found in parts.items()}


def places() -> dict[str, str]:
    """Entry -> module:name, of systems that are neither an objective nor a recipe: `System.place`,
    or what places.tsv says of those that have no file yet."""
    from dipole.systems import files as system_files
    from dipole.systems import system

    text = files(__package__).joinpath("places.tsv").read_text(encoding="utf-8")
    rows = [line.partition("\t") for line in text.splitlines() if line]
    return {id: place for id, _, place in rows} | {
        id: system(id).place for id in system_files() if system(id).place
    }


def check_place(place: str) -> None:
    """Raise where a place does not exist."""
    module, _, name = place.partition(":")
    getattr(importlib.import_module(module), name)


def read_results(folder: Path) -> dict[str, dict[str, str]]:
    """The verdicts beside the pages of a folder."""
    path = folder / RESULTS
    if not path.exists():
        return {}
    try:
        found: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: {error}; expected json as dipole prove writes it") from None
    return found


def write_result(folder: Path, system: str, result: Mapping[str, str]) -> None:
    """Add a verdict to those of a folder."""
    # Other claims may end at the same time.
    with Lock(folder / f".{RESULTS}.lock", f"{folder / RESULTS}: another proof", wait=True):
        found = read_results(folder) | {system: dict(result)}
        write_text(folder / RESULTS, json.dumps(dict(sorted(found.items())), indent=1) + "\n")


def table_page(found: list[State]) -> str:
    """The table of all systems as a markdown page."""
    counts: dict[str, int] = {}
    for state in found:
        counts[state.state] = counts.get(state.state, 0) + 1
    lines = [
        "# Systems",
        "",
        "Written by `dipole systems --out`. A page is written by `dipole prove SYSTEM`, which runs",
        "the experiment anew. *built*: its parts are there, its claim was not run.",
        "",
        " · ".join(f"{count} {state}" for state, count in counts.items()),
    ]
    group = ""
    for state in found:
        if state.group != group:
            group = state.group
            lines += ["", f"## {group.replace('_', ' ')}", ""]
            lines += ["| system | state | paper | parts |", "|---|---|---|---|"]
        name = f"[{state.id}]({state.id}.md)" if state.page else state.id
        paper = f"[{state.title}]({state.paper})" if state.paper else state.title
        parts = ", ".join(f"`{part}`" for part in state.parts)
        lines.append(f"| {name} | {state.state} | {paper.replace('|', '/')} | {parts} |")
    return "\n".join(lines) + "\n"
