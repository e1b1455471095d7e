"""Code of one's own in the settings of a run: what a folder names runs only if it is trusted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dipole.errors import InputError
from dipole.lookup import is_loaded, is_place
from dipole.training.examples import COLUMNS
from dipole.training.naming import read_named

# Settings whose texts are never code, however they look: columns, and words of the user's own.
NO_CODE = frozenset({*COLUMNS, "prompts", "split"})


def check_code(settings: Mapping[str, Any], given: Mapping[str, Any], path: Path) -> None:
    """Raise InputError at code that only the run's own config.yaml names, and nobody trusts.

    settings: those of the file, given: those that the user named now. Before anything is made of
    them: a part is imported where its settings are checked.
    """
    from dipole.encoders.trust import code_is_trusted

    if code_is_trusted():
        return
    for field, value in settings.items():
        if field in NO_CODE or field == "stages":
            continue
        if field == "encoder_options" and isinstance(value, Mapping):  # of towers, by name
            value = [inner for inner in value.values() if isinstance(inner, str)]
        for place in _places(value) if field not in given else ():
            if not is_loaded(place):
                raise InputError(
                    f"{path}: {field} is {place}, code that is not dipole's; expected --trust-code "
                    "(`with trusting_code():` in Python), if you trust whoever wrote it"
                )
    for stage in settings.get("stages") or () if "stages" not in given else ():
        if isinstance(stage, Mapping):
            check_code(stage, {}, path)


def _places(value: Any) -> Iterator[str]:
    """Every `file.py:Class` and `module:Class` in a setting: terms of a sum, names of parts, with
    their settings behind them or not."""
    if isinstance(value, str):
        name, inner = read_named(value, "parts", "queue:size=160")
        yield from _places(inner)
        terms = [word.strip() for text in (value, name) for word in re.split(r"[+*]", text)]
        words = {*terms, *(term.partition("(")[0].strip() for term in terms)}
        yield from (word for word in words if is_place(word) and not word.startswith("dipole."))
    elif isinstance(value, Mapping | list):
        for inner in value:
            yield from _places(inner)
            if isinstance(value, Mapping):  # the settings of a part
                yield from _places(value[inner])
