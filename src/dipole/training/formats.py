"""Settings of before: config.yaml of format 1 named the parts of a training one by one, other data
sets were `more_data`, with the columns of the first, and `matryoshka_layers` was a setting.

format 1: queue, queue_holds, mixed, centroids, centroids_start, teacher, teacher_decay and
          teacher_makes
format 2: parts, a list
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from dipole.errors import InputError

FORMAT = 2
# Marks a setting of config.yaml that was an object of Python.
PYTHON = "python: "
# The settings of format 1 that are gone, with what they were when not given.
FORMER: dict[str, Any] = {
    "queue": None, "queue_holds": "positive", "mixed": {}, "centroids": None,
    "centroids_start": 0.4, "teacher": None, "teacher_decay": 0.999, "teacher_makes": "positives",
}  # fmt: skip

# Other data sets of before, and the settings that held for all of them.
MORE_DATA = "more_data"
_COLUMNS = (
    "anchor", "positive", "negative", "score", "label", "split", "view", "view_options",
)  # fmt: skip

# Whether a shallow layer was trained too, and the option of the objective that says so now.
LAYERS, _LAYERS_NOW = "matryoshka_layers", "matryoshka.layers"
# Every config.yaml had these, most of them with a value that says nothing.
_IDLE = {MORE_DATA: [], LAYERS: False}


def given_again(setting: str, said: Any, how: str) -> None:
    """Raise InputError if config.yaml says of a setting that it was an object of Python, which a
    file cannot hold; how: it is to be given (`fit(parts=[...])`)."""
    if isinstance(said, str) and said.startswith(PYTHON):
        raise InputError(
            f"{setting}: the run was given {said.removeprefix(PYTHON)}; expected the same to go "
            f"on: {how}"
        )


def is_former(settings: Mapping[str, Any]) -> bool:
    """Whether settings, or those of a stage, are of format 1."""
    stages = settings.get("stages") or []
    return not FORMER.keys().isdisjoint(settings) or any(
        is_former(stage) for stage in stages if isinstance(stage, dict)
    )


def translated(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of before as those of now; others as they are."""
    found = {name: value for name, value in settings.items() if name not in FORMER}
    if isinstance(stages := found.get("stages"), list):
        found["stages"] = [translated(s) if isinstance(s, dict) else s for s in stages]
    if not FORMER.keys().isdisjoint(settings):
        found["parts"] = _parts(FORMER | dict(settings))
    if MORE_DATA in found:
        found["sources"] = _sources(found, found.pop(MORE_DATA))
    if found.pop(LAYERS, False):
        found["objective_options"] = (found.get("objective_options") or {}) | {_LAYERS_NOW: True}
    return found


def check_format(settings: dict[str, Any], where: object) -> dict[str, Any]:
    """The settings of a file without its `format`, which has to be one that is known."""
    found = settings.get("format", FORMAT)
    if found not in (1, FORMAT) or isinstance(found, bool):
        raise InputError(
            f"{where}: format: found {found!r}; expected {FORMAT}, or a newer dipole that knows it"
        )
    idle = {name for name, value in _IDLE.items() if settings.get(name) == value}
    return {name: value for name, value in settings.items() if name not in {"format", *idle}}


def check_former(settings: Mapping[str, Any]) -> None:
    """Raise InputError if one of the settings is one of before: how it is said now."""
    if MORE_DATA in settings:
        sources = _sources(settings, settings[MORE_DATA])
        options = " ".join(f"--source {_option(source)}" for source in sources) or "no --source"
        raise InputError(
            f"{MORE_DATA}: now said by sources; expected {options}, in a recipe sources: "
            f"{_flow(sources)} (docs/migration.md)"
        )
    if "device" in settings:
        raise InputError(
            "device: is no setting of a training, which may go on elsewhere; expected dipole train "
            "--device, `with dipole.devices.on_device(...)` around fit, or DIPOLE_DEVICE"
        )
    if LAYERS in settings:
        value = "true" if settings[LAYERS] else "false"
        raise InputError(
            f"{LAYERS}: now said by objective_options; expected --objective-option "
            f"{_LAYERS_NOW}={value}, in a recipe objective_options: {{{_LAYERS_NOW}: {value}}} "
            "(docs/migration.md)"
        )
    found = [name for name in FORMER if name in settings]
    if not found:
        return
    parts = translated(settings)["parts"]
    options = " ".join(f"--part {_option(part)}" for part in parts) or "no --part"
    raise InputError(
        f"{', '.join(found)}: now said by parts; expected {options}, in a recipe parts: "
        f"{_flow(parts)} (docs/migration.md)"
    )


def _sources(settings: Mapping[str, Any], files: Any) -> list[dict[str, dict[str, Any]]]:
    """Other data sets, which had the columns and the split of the first."""
    default = {"split": "train"}
    own = {
        name: settings[name]
        for name in _COLUMNS
        if settings.get(name) not in (None, [], {}, default.get(name))
    }
    return [{str(file): own} for file in (files if isinstance(files, list) else [files])]


def _flow(entries: list[dict[str, dict[str, Any]]]) -> str:
    """On one line of yaml."""
    text: str = yaml.safe_dump(entries, default_flow_style=True, sort_keys=False, width=10_000)
    return text.strip()


def _parts(old: Mapping[str, Any]) -> list[dict[str, dict[str, Any]]]:
    parts: list[dict[str, dict[str, Any]]] = []

    def add(name: str, **settings: Any) -> None:
        parts.append({name: settings})

    holds = {} if old["queue_holds"] == "positive" else {"holds": old["queue_holds"]}
    if old["queue"] is not None or holds:
        add("queue", size=old["queue"], **holds)
    if old["mixed"]:
        add("mixed", **old["mixed"] if isinstance(old["mixed"], dict) else {})
    if old["centroids"] is not None:
        start = old["centroids_start"]
        add("centroids", count=old["centroids"], **({} if start == 0.4 else {"start": start}))
    makes = {} if old["teacher_makes"] == "positives" else {"makes": old["teacher_makes"]}
    if old["teacher"] == "ema":
        decay = {} if old["teacher_decay"] == 0.999 else {"decay": old["teacher_decay"]}
        add("teacher", **decay, **makes)
    elif old["teacher"] in ("frozen", "self"):
        add("teacher", kind=old["teacher"], **makes)
    elif old["teacher"] is not None:
        add("teacher", model=old["teacher"])
    return parts


def _option(part: dict[str, dict[str, Any]]) -> str:
    ((name, settings),) = part.items()
    inner = ",".join(f"{key}={value}" for key, value in settings.items())
    return f"{name}:{inner}" if inner else name
