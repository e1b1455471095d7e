"""Data sets beside --data, each with columns and, if it needs them, an objective and a share."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from dipole.data.memory import is_table
from dipole.errors import InputError
from dipole.training.around import with_around
from dipole.training.config import Config, make_config
from dipole.training.entries import COLUMNS, LEARNT, Name, said, shown
from dipole.training.kinds import Kind


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
    common["validation_measure"] = None
    if "objective" in own:
        common = without_objective(common)
    elif "wants" in own:  # what a recipe wants holds for its own objective
        common |= {"wants": []}
    own = with_around(own, dict(config))
    return make_config(**(common | own | {"data": said(name)})), share


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
    return make_config(**(common | with_around(own, dict(config))))


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
