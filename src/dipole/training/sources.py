"""Data sets beside --data, each with columns and, if it needs them, an objective and a share.

sts.csv:objective=cosent,share=0.3                 on the command line, as --source
{sts.csv: {objective: cosent, share: 0.3}}         in a recipe
{examples: {"objective": "cosent"}}                in Python, or the examples alone
(table, {"objective": "cosent"})                   a table in memory, or it alone
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from dipole.data import Examples
from dipole.data.memory import Held, is_readable, is_table, table_name
from dipole.data.options import check_names
from dipole.declared import Declared
from dipole.errors import InputError
from dipole.training.config import Config, make_config
from dipole.training.formats import PYTHON, given_again
from dipole.training.kinds import KINDS, Kind
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
        found.append({_said(name): without_objects(settings)})
    return found


def without_objects(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings of a source, a stage or a kind of data in which objects of Python are named."""
    from dipole.training.parts import naming

    found = dict(settings)
    if found.get("parts") is not None:
        found["parts"] = naming.described(naming.entries(found["parts"]))
    if isinstance(found.get("step"), Declared):
        found["step"] = PYTHON + naming.shown(found["step"])
    return found


def shown(name: Any) -> str:
    """How messages call a source."""
    if isinstance(name, str | Examples):
        return name if isinstance(name, str) else repr(name)
    return name.name if isinstance(name, Held) else table_name(name)


def _said(name: Name) -> str:
    """What config.yaml calls a source."""
    return name if isinstance(name, str) else PYTHON + shown(name)


class Source(NamedTuple):
    """One data set: its name, what a training on it alone would be, and what was said for it.

    given: examples, or a table in memory, instead of a file.
    """

    name: str
    config: Config
    share: float | None = None
    own: Collection[str] = ()
    given: Any = None


def sources_of(config: Config, data: Any = None) -> list[Source]:
    """--data (`data`, if it is in memory) and every source behind it."""
    given = data if is_table(data) else None
    name = config.data if given is None else shown(given)
    found = [Source(name, config.model_copy(update={"sources": []}), given=given)]
    for source in config.sources:
        ((name, settings),) = source.items()
        with of_source(shown(name)):
            own, share = _config(config, name, settings)
            given = None if isinstance(name, str) else name
            found.append(Source(shown(name), own, share, settings.keys(), given))
    _check_shares([source.share for source in found])
    return found


def of_stage(config: Config, number: int) -> tuple[Config, Any]:
    """The settings of a stage, on the sources that are marked for it (`stage=2`) where there are
    such: the first of them in the place of --data, with what is in memory if it was given so.

    Others are not trained on then; where none is marked, all that are not are.
    """
    marked, others = [], []
    for source in config.sources:
        ((name, settings),) = source.items()
        stage = settings.get("stage")
        if stage == number:
            marked.append(source)
        elif stage is None:
            others.append(source)
    if not marked:
        return config.model_copy(update={"sources": others}), None
    ((name, settings),) = marked[0].items()
    with of_source(shown(name)):
        own, _ = _config(config, name, settings)
    given = None if isinstance(name, str) else name
    return own.model_copy(update={"sources": marked[1:]}), given


def check_stages(config: Config) -> None:
    """No source is marked for a stage that is not there."""
    for source in config.sources:
        ((name, settings),) = source.items()
        stage = settings.get("stage")
        if stage is not None and stage > len(config.stages):
            raise InputError(
                f"source {shown(name)}: stage: found {stage} of {len(config.stages)}; expected a "
                "recipe with as many stages, or none"
            )


def _config(config: Config, name: Name, settings: dict[str, Any]) -> tuple[Config, float | None]:
    """The settings of a training on one source, and its share of the batches."""
    own = dict(settings)
    share, _ = own.pop("share", None), own.pop("stage", None)
    if share is not None and not (type(share) in (int, float) and 0 < share < 1):
        raise InputError(f"share: found {share!r}; expected a number between 0 and 1")
    fields = Config.model_fields
    common = dict(config) | {"sources": []}
    common |= {key: fields[key].get_default(call_default_factory=True) for key in COLUMNS}
    if not _is_fraction(config.validation):
        common["validation"] = None
    if "objective" in own:
        common = without_objective(common)
    elif "wants" in own:  # what a recipe wants holds for its own objective
        common |= {"wants": []}
    return make_config(**(common | own | {"data": _said(name)})), share


def without_objective(settings: dict[str, Any]) -> dict[str, Any]:
    """The settings with no more of an objective than the defaults."""
    fields = Config.model_fields
    blank = {key: fields[key].get_default(call_default_factory=True) for key in LEARNT}
    return settings | blank | {"by_kind": {}}


def of_kind(config: Config, kind: Kind) -> Config:
    """The settings with those that `by_kind` has for this kind of data."""
    found = config.by_kind.get(kind)
    if found is None and kind == "triplets":
        found = config.by_kind.get("pairs")
    if found is None:
        return config.model_copy(update={"by_kind": {}})
    own = {"objective": found} if isinstance(found, str) else dict(found)
    common = dict(config) | {"by_kind": {}, "sources": []}
    if "objective" in own:
        common = without_objective(common) | {"wants": config.wants}
    return make_config(**(common | own))


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


@contextmanager
def of_source(name: str) -> Iterator[None]:
    """Say of which source a setting or a row is wrong; "" for the only one."""
    try:
        yield
    except InputError as error:
        if not name or str(error).startswith((f"source {name}: ", f"{name}:")):
            raise
        raise type(error)(f"source {name}: {error}") from None


def _is_fraction(validation: str | None) -> bool:
    try:
        float(validation or "")
    except ValueError:
        return False
    return True


def _check_shares(shares: Sequence[float | None]) -> None:
    """--data, which is given none, has what the others leave."""
    total = sum(share for share in shares if share is not None)
    if total >= 1:
        raise InputError(
            f"sources: found shares of {total:g} in all; expected less than 1: the rest is for "
            "--data and for sources without a share"
        )
