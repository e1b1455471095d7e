"""What a run was trained on: its settings, its columns and the rows it has seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dipole.errors import InputError
from dipole.lookup import close_to, nearest
from dipole.showing import counted, say

if TYPE_CHECKING:
    from dipole.data import Examples, Skipped
    from dipole.data.converting import OnBadRow
    from dipole.encoders import Encoder

# A field of some kind of data -> the setting of a training that names its column.
SETTINGS = {
    "anchor": "anchor", "positive": "positive", "first": "anchor", "second": "positive",
    "score": "score", "input": "anchor", "label": "label", "query": "anchor", "text": "positive",
}  # fmt: skip


def settings_of(system: str | None) -> dict[str, Any]:
    """The settings a run was trained with; {} for a model that is no run of ours."""
    import yaml

    from dipole.training.formats import translated

    path = Path(system or "", "config.yaml")
    if system is None or not path.is_file():
        return {}
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}  # whether the run is broken is for load_encoder to say
    return translated(settings) if isinstance(settings, dict) else {}


def columns_of(system: str | None) -> dict[str, str]:
    """Setting -> column: what the run was told (config.yaml), else what it took (data.json)."""
    given = settings_of(system)
    taken: dict[str, Any] = {}
    for part in reversed(_data_of(system).get("parts", [])):
        if part.get("role") == "training":
            fields = part.get("columns", {})
            taken = {SETTINGS.get(field, field): column for field, column in fields.items()}
    found = {name: given.get(name) or taken.get(name) for name in set(SETTINGS.values())}
    return {name: str(column) for name, column in found.items() if column}


def choose_columns(
    fields: Sequence[str], given: Mapping[str, str], systems: Sequence[str], data: str, split: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Field -> column, and system -> a note where a system was trained on other columns.

    What the user named stands; the rest is taken from the first of the systems that was trained on
    columns which these data have too; what is still open is for the loader to settle.
    """
    from dipole.data.peeking import columns_among

    wanted: dict[str, dict[str, str]] = {}
    for system in systems:
        trained = columns_of(system)
        named = {f: trained[SETTINGS[f]] for f in fields if SETTINGS.get(f) in trained}
        there = columns_among(data, split, list(dict.fromkeys(named.values())))
        if found := {field: column for field, column in named.items() if column in there}:
            wanted[system] = found
    chosen = dict(given)
    for found in wanted.values():
        # A column that the user named for one field is not another's.
        free = {f: c for f, c in found.items() if f not in chosen and c not in chosen.values()}
        if free:
            chosen |= free
            break
    notes = {}
    for system, found in wanted.items():
        if any(chosen.get(field) != column for field, column in found.items()):
            notes[system] = f"trained on {_shown(found)}; measured on {_shown(chosen)}"
    return chosen, notes


def seen_note(system: str, examples: Examples, data: str, split: str) -> str | None:
    """How many of these rows the run was trained on, whatever file they came from.

    By their contents (`seen_share`), in the other direction too; of a run without fingerprints by
    the name of its data.
    """
    from dipole.data import Pairs, Scored, Triplets
    from dipole.data.fingerprint import SKETCH, seen_share

    trained = _data_of(system)
    if "sketch" not in trained:
        return _seen_by_path(settings_of(system), data, split)
    share = seen_share(examples, trained)
    if isinstance(examples, Pairs | Scored | Triplets) and share == 0:
        share = seen_share(examples, trained, swapped=True)
    if math.isnan(share) or not (count := round(share * len(examples))):
        return None
    about = "about " if int(trained["rows"]) > SKETCH and share < 1 else ""
    many = "all" if count == len(examples) else f"{about}{count:,} of the"
    rows = counted(len(examples), "row")
    return f"trained on {many} {rows} measured here: of these it says how well it remembers"


def _seen_by_path(settings: Mapping[str, Any], data: str, split: str) -> str | None:
    """The same of a run from before there were fingerprints: by the name of its data."""
    sources = [settings.get("data"), *(name for s in settings.get("sources") or [] for name in s)]
    if data in sources and (settings.get("split") == split or Path(data).is_file()):
        return "trained on the examples measured here: this says how well it remembers"
    return None


def _data_of(system: str | None) -> dict[str, Any]:
    """What data.json of a run says of its data, of stages that of all; {} where there is none."""
    if system is None:
        return {}
    from dipole.data.fingerprint import joined_fingerprint, read_fingerprint

    whole = read_fingerprint(Path(system, "data.json")) or {}
    stages = [
        read_fingerprint(path) or {} for path in sorted(Path(system).glob("stages/*/data.json"))
    ]
    parts = [part for data in (whole, *stages) for part in data.get("parts", [])]
    if "sketch" not in whole and stages:  # a run that is in a later stage
        whole = joined_fingerprint(data for data in stages if "sketch" in data)
    return whole | {"parts": parts}


def trained_on(system: str) -> list[dict[str, Any]]:
    """What data.json of a run says of each of its data sets: name, role, rows, columns."""
    return list(_data_of(system).get("parts", []))


def _shown(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{field} '{column}'" for field, column in columns.items())


def load_named(model: str, names: Sequence[str]) -> Any:
    """The encoder of a run, folder or hub id; `names` are what else could have been meant."""
    from dipole.encoders import load_encoder

    try:
        return load_encoder(model)
    except InputError:
        if not close_to(model, names) or Path(model).exists():
            raise
        raise InputError(
            f"{model}: no such run, folder or hub id; {nearest(model, names)}"
        ) from None


def load_or_pretrained(name: str | None, option: str) -> Encoder:
    """The encoder that an option names, or the pretrained model that is installed here."""
    from dipole.encoders import load_encoder
    from dipole.training.advice.pretrained import pretrained

    if name is not None:
        return load_encoder(name)
    if (found := pretrained(english=True)) is None:
        raise InputError(
            f"no pretrained model is installed here; expected {option} RUN, a folder or hub id"
        )
    say(f"model: {found.folder}", error=True)
    return load_encoder(found.folder)


def check_bad_rows(on_bad_row: str) -> OnBadRow:
    """What --on-bad-row says."""
    if on_bad_row == "error":
        return "error"
    if on_bad_row == "skip":
        return "skip"
    raise InputError(f"--on-bad-row {on_bad_row}: expected error or skip")


def say_skipped(skipped: Skipped) -> None:
    """How many rows were left out, on standard error."""
    if skipped:
        first = skipped.messages[0]
        say(f"left out {counted(skipped.count, 'bad row')}; the first: {first}", error=True)
