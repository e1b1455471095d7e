"""Verdicts: those that come with dipole, and those a user's own `dipole prove` gave."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from dipole.errors import InputError
from dipole.files import write_text
from dipole.lock import Lock

RESULTS = "results.json"
# Where `dipole prove` writes, in the working folder.
OWN = Path("systems")
_PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class Result:
    """A verdict, when and with which version it came, and the digest of the code behind it.

    found: the primary inequality, its margin and the interval of that, in words; why: what else the
    verdict needs to be understood; seconds: of CPU.
    """

    verdict: str
    date: str = ""
    version: str = ""
    code: str = ""
    found: str = ""
    why: str = ""
    seeds: int = 0
    seconds: float = 0.0


def docs_folder() -> Path | None:
    """docs/systems of the checkout that this code runs from; None where it is installed."""
    folder = _PACKAGE.parents[2] / "docs" / "systems"
    return folder if folder.is_dir() else None


def results_file(pages: Path) -> Path:
    """Where the verdicts of a folder of pages are: beside them, of the docs in the package."""
    docs = docs_folder()
    is_docs = docs is not None and pages.resolve() == docs.resolve()
    return (_PACKAGE if is_docs else pages) / RESULTS


def shipped() -> dict[str, Result]:
    """The verdicts that come with dipole, by system."""
    return read_results(_PACKAGE / RESULTS)


def read_results(path: Path) -> dict[str, Result]:
    """The verdicts of a file; none where it is not there."""
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {id: Result(**result) for id, result in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: {error}; expected json as dipole prove writes it") from None


def write_result(path: Path, system: str, result: Result) -> None:
    """Add a verdict to those of a file."""
    # Other claims may end at the same time.
    with Lock(path.with_name(f".{path.name}.lock"), f"{path}: another proof", wait=True):
        found = {id: asdict(one) for id, one in (read_results(path) | {system: result}).items()}
        write_text(path, json.dumps(dict(sorted(found.items())), indent=1) + "\n")


def is_stale(system: str, result: Result) -> bool:
    """Whether the code that decides a claim is no longer the one that a verdict came from."""
    return not result.code or result.code != _code_now(system)


def standing(system: str, result: Result) -> dict[str, Any]:
    """A verdict as json has it: stale or not, instead of a digest."""
    return {
        "verdict": result.verdict, "stale": is_stale(system, result),
        "date": result.date, "version": result.version, "found": result.found, "why": result.why,
    }  # fmt: skip


def verdict_text(verdict: Mapping[str, Any] | None) -> str:
    """`holds`, or `holds, stale`."""
    return "" if verdict is None else verdict["verdict"] + ", stale" * verdict["stale"]


@cache
def _code_now(system: str) -> str:
    from dipole.systems import code_of_system, files

    return code_of_system(system) if system in files() else ""
