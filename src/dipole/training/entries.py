"""What is said of sources, and of kinds of data, as `Config` keeps it.

sts.csv:objective=cosent,share=0.3                 on the command line, as --source
{sts.csv: {objective: cosent, share: 0.3}}         in a recipe
{examples: {"objective": "cosent"}}                in Python, or the examples alone
(table, {"objective": "cosent"})                   a table in memory, or it alone
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dipole.data import Examples
from dipole.data.memory import Held, is_readable, is_table, table_name
from dipole.data.options import check_names
from dipole.declared import Declared
from dipole.errors import InputError
from dipole.training.formats import PYTHON, given_again
from dipole.training.kinds import KINDS
from dipole.training.naming import read_named

# A source as `Config` keeps it: {file, function, examples or table: its settings}.
Name = str | Examples | Held
Entry = dict[Name, dict[str, Any]]

# How a data set is read: its own, or the defaults.
COLUMNS = (
    "anchor", "positive", "negative", "score", "label", "split", "view", "view_options",
)  # fmt: skip
# Those that go with an objective: a source that names one has none of the others' of them.
LEARNT = ("objective", "objective_options", "temperature", "combine", "step", "wants")
# Those that are the training's unless a source says else.
SHARED = (
    "prompts", "parts", "mine", "sampler", "sampler_options", "batch_size", "validation",
    "on_bad_row", "resize",
)  # fmt: skip
SETTINGS = (*COLUMNS, *LEARNT, *SHARED, "share", "stage")


def entries(value: Any) -> list[Entry]:
    """The sources of a training as `Config` keeps them, their settings' names checked."""
    found = []
    for source in value if isinstance(value, list | tuple) else [value]:
        name, settings = read(source)
        given_again("sources", name, "fit(sources=[...])")
        check_names(settings, SETTINGS, f"source {shown(name)}: setting")
        stage = settings.get("stage", 1)
        if type(stage) is not int or stage < 1:
            raise InputError(
                f"source {shown(name)}: stage: found {stage!r}; expected the number of a stage"
            )
        found.append({name: settings})
    return found


def read(source: Any) -> tuple[Name, dict[str, Any]]:
    """(file, examples or table, settings) of one source, however it was written."""
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], dict | None):
        name, settings = source
        if not is_table(name):
            return read({name: settings})
        return read(name)[0], settings or {}
    if isinstance(source, Examples | Held):
        return source, {}
    if not (isinstance(source, dict) and len(source) == 1) and is_readable(source):
        return Held(table_name(source), source), {}
    if isinstance(source, dict) and len(source) == 1:
        ((name, settings),) = source.items()
        if isinstance(name, Examples | Held) and isinstance(settings, dict | None):
            return name, settings or {}
        if isinstance(name, Path):
            source = {str(name): settings}
    if isinstance(source, Path):
        return str(source), {}
    return read_named(source, "sources", "sts.csv:objective=cosent")


def described(sources: Sequence[Entry]) -> list[Any]:
    """What config.yaml says of the sources."""
    found: list[Any] = []
    for source in sources:
        ((name, settings),) = source.items()
        found.append({said(name): without_objects(settings)})
    return found


def without_objects(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a source, a stage or a kind of data in which objects of Python are named."""
    from dipole.training import own_measure
    from dipole.training.parts import naming

    found = dict(settings)
    if found.get("parts") is not None:
        found["parts"] = naming.described(naming.entries(found["parts"]))
    if isinstance(found.get("step"), Declared):
        found["step"] = PYTHON + naming.shown(found["step"])
    if callable(found.get(own_measure.SETTING)):
        found[own_measure.SETTING] = own_measure.stored(found[own_measure.SETTING])
    return found


def shown(name: Any) -> str:
    """How messages call a source."""
    if isinstance(name, str | Examples):
        return name if isinstance(name, str) else repr(name)
    return name.name if isinstance(name, Held) else table_name(name)


def said(name: Name) -> str:
    """What config.yaml calls a source."""
    return name if isinstance(name, str) else PYTHON + shown(name)


def check_kinds(value: dict[str, Any]) -> dict[str, Any]:
    """The settings by kind of data, their names checked."""
    for kind, own in value.items():
        check_names([kind], KINDS, "by_kind: kind")
        if not isinstance(own, str | dict):
            raise InputError(f"by_kind: {kind}: found {own!r}; expected an objective or settings")
        if isinstance(own, dict):
            known = [*LEARNT[:-1], *SHARED]
            check_names(own, known, f"by_kind: {kind}: setting")
    return value
