"""The data a run began with: kept in RUN/data.json, compared when it goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dipole.data import Examples
from dipole.data.fingerprint import fingerprint, joined_fingerprint, read_fingerprint, seen_share
from dipole.data.functions import is_function
from dipole.errors import InputError
from dipole.files import write_text
from dipole.training.formats import PYTHON

if TYPE_CHECKING:
    from dipole.training.config import Config
    from dipole.training.tasks import Task

DATA = "data.json"
# How to go on all the same.
_OPTION = "--changed-data to go on with these"


class ChangedDataError(InputError):
    """The data are not those that a run or a search began with."""


class NamedRows(NamedTuple):
    """Rows under the name the user knows them by; role: training or validation."""

    name: str
    role: str
    examples: Examples


def parts_of(tasks: Sequence[Task]) -> list[NamedRows]:
    """Every source of a training, and what it is validated on."""
    parts = []
    for task in tasks:
        data = _name(task.config.data)
        if (sources := task.examples.sources) is None:
            parts.append(NamedRows(data, "training", task.examples))
        else:
            for source in dict.fromkeys(sources.tolist()):
                rows = np.flatnonzero(sources == source)
                parts.append(NamedRows(_name(source), "training", task.examples.select(rows)))
        if task.held is not None:
            parts.append(NamedRows(_held_name(task.config, data), "validation", task.held))
    return parts


def _held_name(config: Config, data: str) -> str:
    name = _name(config.validation or "")
    if name != (config.validation or ""):  # an object of Python
        return f"validation ({name})"
    if is_function(name) or Path(name).is_file():
        return name
    return f"validation ({name} of {data})"  # a fraction or a split


def check_data(folder: Path, parts: Sequence[NamedRows], *, accept: bool) -> dict[str, Any]:
    """What RUN/data.json is to say of a run that goes on with these parts, or begins.

    rows, digest, sketch: of all that the run was trained on, as `fingerprint` gives it. parts:
    the same of every part of now, and the columns that its fields were read from. changed: whether
    they were others at some time before.

    Raises:
        ChangedDataError: they are not those of before, unless `accept`; names the first that is
            not, and what changed.
    """
    found = [
        {"name": p.name, "role": p.role, "columns": p.examples.columns} | fingerprint(p.examples)
        for p in parts
    ]
    before = read_data(folder) or {"parts": found, "changed": False}
    changes = list(_changes(before["parts"], found, parts))
    if changes and not accept:
        raise ChangedDataError(f"{changes[0]}; expected the data of before, or {_OPTION}")
    had = [before] if before["changed"] or changes else []
    trained = [part for part in found if part["role"] == "training"]
    return joined_fingerprint([*had, *trained]) | {
        "changed": before["changed"] or bool(changes),
        "parts": found,
    }


def check_teachers(
    folder: Path, origin: Mapping[str, Any], teachers: Sequence[tuple[str, str]], *, accept: bool
) -> dict[str, Any]:
    """`origin` with the fingerprints of the models that teach, which may not change either.

    teachers: (name, fingerprint) of each.
    """
    now = [made_of for _, made_of in teachers]
    before = (read_data(folder) or {}).get("teacher", now)
    for (name, made_of), then in zip(
        teachers, [before] if isinstance(before, str) else before, strict=False
    ):
        if made_of != then and not accept:
            raise ChangedDataError(
                f"{name}: another model than the teacher this run began with; expected the one of "
                f"before, or {_OPTION}"
            )
    if not now:
        return dict(origin)
    return {**origin, "teacher": now[0] if len(now) == 1 else now}


def read_data(folder: Path) -> dict[str, Any] | None:
    """What RUN/data.json says, None where there is none."""
    return read_fingerprint(folder / DATA)


def write_data(folder: Path, origin: Mapping[str, Any]) -> None:
    """Write RUN/data.json."""
    write_text(folder / DATA, json.dumps(origin) + "\n")


def _changes(
    before: Sequence[Mapping[str, Any]],
    now: Sequence[Mapping[str, Any]],
    parts: Sequence[NamedRows],
) -> Iterator[str]:
    """A line for every part that is not what it was."""
    for then, found, part in zip(before, now, parts, strict=False):
        if then["digest"] == found["digest"]:
            continue
        share = seen_share(part.examples, then)
        if share == 1 and then["rows"] == found["rows"]:
            what = "the same texts in another order or spacing, or with other scores or labels"
        else:
            what = f"{share:.0%} of these were there then"
        yield (
            f"{part.name}: changed since this run began: {then['rows']:,} rows then, "
            f"{found['rows']:,} now, {what}"
        )


def _name(value: str) -> str:
    """An object of Python is called by what it is."""
    return value.removeprefix(PYTHON)
