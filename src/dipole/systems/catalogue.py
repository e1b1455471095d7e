"""Every system that dipole plans to have, and how far each of them is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from dipole.errors import InputError
from dipole.lookup import close_to, nearest
from dipole.studies.verdict import VERDICTS
from dipole.systems import files, system
from dipole.systems.results import (
    OWN,
    RESULTS,
    docs_folder,
    read_results,
    shipped,
    standing,
    verdict_text,
)

MISSING, BUILT = "missing", "built"


@dataclass(frozen=True)
class Entry:
    """One system: id, group, title and arXiv number of its paper (or "")."""

    id: str
    group: str
    title: str
    arxiv: str

    @property
    def paper(self) -> str:
        """The address of its paper, or ""."""
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""


@dataclass(frozen=True)
class State:
    """A system and how far it is.

    state: *missing*, *built*, or the verdict that ships with dipole; parts: its objectives, recipe,
    claim, or place in the package; lesson: what its verdict teaches; result: that verdict; here:
    the verdict of the user's own `dipole prove`; both with their date, their version and whether
    they are stale.
    """

    id: str
    group: str
    state: str
    title: str
    paper: str
    parts: tuple[str, ...]
    page: str
    lesson: str = ""
    result: Mapping[str, Any] | None = None
    here: Mapping[str, Any] | None = None

    @property
    def shown(self) -> str:
        """The state, and whether it is stale."""
        return verdict_text(self.result) or self.state

    def to_json(self) -> dict[str, Any]:
        """As `dipole systems --json` prints it."""
        return asdict(self)


@cache
def entries() -> dict[str, Entry]:
    """The systems by id, group by group, in the order of `catalogue.tsv`; then those that have
    a file and no line in it."""
    text = resources(__package__).joinpath("catalogue.tsv").read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines()[1:]]
    listed = {id: Entry(id, group, title, arxiv) for group, id, arxiv, title in rows}
    found = listed | {id: _entry(id, files()[id]) for id in files() if id not in listed}
    groups = list(dict.fromkeys(entry.group for entry in found.values()))
    return dict(sorted(found.items(), key=lambda item: groups.index(item[1].group)))


def _entry(id: str, module: str) -> Entry:
    """The entry of a system that only has a file."""
    paper = system(id).paper
    arxiv = re.search(r"arXiv:? ?(\d{4}\.\d{4,5})", paper)
    return Entry(id, module.split(".")[2], paper, arxiv[1] if arxiv else "")


def entry_of(id: str) -> Entry:
    """The entry of a system; an InputError suggests ids that are close."""
    if id not in entries():
        hint = nearest(id, entries()) if close_to(id, entries()) else "see dipole systems"
        raise InputError(f"system: found no {id!r}; {hint}")
    return entries()[id]


def states(own: Path = OWN, ids: Iterable[str] | None = None) -> list[State]:
    """Every system's state; own: the folder of the pages that the user's `dipole prove` wrote."""
    known, mine, docs = shipped(), read_results(own / RESULTS), docs_folder()
    parts = built_parts()
    found = []
    for entry in (entry_of(id) for id in ids or entries()):
        id = entry.id
        result, here = (
            standing(id, results[id]) if id in results else None for results in (known, mine)
        )
        pages = [folder / f"{id}.md" for folder in (own, docs) if folder is not None]
        found.append(
            State(
                id,
                entry.group,
                result["verdict"] if result else BUILT if parts.get(id) else MISSING,
                entry.title,
                entry.paper,
                parts.get(id, ()),
                next((_from_here(page) for page in pages if page.exists()), ""),
                _lesson(id),
                result,
                here,
            )
        )
    return found


def _lesson(id: str) -> str:
    claim = system(id).claim if id in files() else None
    return claim.lesson if claim is not None else ""


@cache
def built_parts() -> Mapping[str, tuple[str, ...]]:
    """System -> the parts of it that exist: objectives, a recipe, a place in the package, a claim.

    An objective says which system it belongs to; all else is in the system's own file.
    """
    parts = {id: [f"objective {name}" for name in names] for id, names in objectives().items()}
    for id in files():
        own = system(id)
        parts.setdefault(id, [])
        parts[id] += [own.place] if own.place else []
        parts[id] += [f"recipe {id}"] if own.recipe is not None else []
        parts[id] += ["claim"] if own.claim is not None else []
    return {id: tuple(found) for id, found in parts.items()}


@cache
def objectives() -> Mapping[str, list[str]]:
    """System -> the names of the objectives that belong to it."""
    from dipole.objectives.contract.registry import OBJECTIVES, objective_class

    found: dict[str, list[str]] = {}
    for name in OBJECTIVES:
        found.setdefault(objective_class(name).system, []).append(name)
    return found


def table_page(found: Iterable[State], folder: Path) -> str:
    """The table of systems as a markdown page; a system whose page lies in `folder` is linked."""
    found = list(found)
    counts: dict[str, int] = {}
    for state in found:
        counts[state.state] = counts.get(state.state, 0) + 1
    stale = sum(state.result is not None and state.result["stale"] for state in found)
    lines = [
        "# Systems",
        "",
        "<!-- Written by `dipole systems --out`; do not edit. -->",
        "",
        "`dipole systems show SYSTEM` says what one is and how to run it; its page is written by",
        "`dipole prove SYSTEM`, which runs the experiment anew. *built*: its parts are there, its",
        "claim was not run. *stale*: the code that decides it has changed since. How a claim is",
        "decided: [claims](../claims.md); where: [benches](../benches/README.md).",
        "",
        " · ".join(f"{count} {state}" for state, count in counts.items())
        + (f" · {stale} of these stale" if stale else ""),
    ]
    lines += _verdicts(found, folder)
    group = ""
    for state in found:
        if state.group != group:
            group = state.group
            lines += ["", f"## {group.replace('_', ' ')}", ""]
            lines += ["| system | state | paper | parts |", "|---|---|---|---|"]
        name = _linked(state.id, folder)
        paper = f"[{state.title}]({state.paper})" if state.paper else state.title
        parts = ", ".join(f"`{part}`" for part in state.parts)
        lines.append(f"| {name} | {state.shown} | {paper.replace('|', '/')} | {parts} |")
    return "\n".join(lines) + "\n"


def _verdicts(found: Iterable[State], folder: Path) -> list[str]:
    """Those that were decided, by verdict: what was found, and what a practitioner learns."""
    judged = [state for state in found if state.result is not None and not state.result["stale"]]
    lines = []
    for verdict in VERDICTS:
        of_it = [state for state in judged if state.state == verdict]
        if not of_it:
            continue
        lines += ["", f"## {verdict[0].upper()}{verdict[1:]}", ""]
        lines += ["| system | found: margin and interval | what one learns |", "|---|---|---|"]
        for state in of_it:
            assert state.result is not None
            why = f" ({state.result['why']})" if state.result["why"] else ""
            name = _linked(state.id, folder)
            lines.append(f"| {name} | {state.result['found']}{why} | {state.lesson} |")
    return lines


def _linked(id: str, folder: Path) -> str:
    return f"[{id}]({id}.md)" if (folder / f"{id}.md").exists() else id


def _from_here(path: Path) -> str:
    full = path.resolve()
    return str(full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else full)
