"""Names with settings: `NAME:KEY=VALUE,KEY=VALUE` on the command line, `{NAME: {KEY: VALUE}}` in a
recipe; so parts and sources are written."""

from __future__ import annotations

import re
from typing import Any

import yaml

from dipole.errors import InputError
from dipole.training.yaml_loading import load_yaml

_SETTINGS = re.compile(r"(?P<name>[^=]+?):(?P<settings>[^:=]+=.*)", re.DOTALL)
_COMMA = re.compile(r",(?=\s*[A-Za-z_]\w*=)")


def read_named(given: Any, kind: str, example: str) -> tuple[str, dict[str, Any]]:
    """(name, settings), however they were written.

    Raises InputError that says of which `kind` (parts, sources) it is, and shows an `example`.

    >>> read_named("queue:size=4,holds=anchor", "parts", "queue:size=160")
    ('queue', {'size': 4, 'holds': 'anchor'})
    """
    if isinstance(given, str):
        split = _SETTINGS.fullmatch(given)
        return (split["name"], _values(split["settings"], given, kind)) if split else (given, {})
    if isinstance(given, dict) and len(given) == 1:
        ((name, settings),) = given.items()
        if isinstance(name, str) and isinstance(settings, dict | None):
            return name, settings or {}
    raise InputError(
        f"{kind}: found {given!r}; expected a name, as {example}, or {{NAME: {{KEY: VALUE}}}}"
    )


def _values(text: str, whole: str, kind: str) -> dict[str, Any]:
    option = f"--{kind.removesuffix('s')} {whole}"
    found: dict[str, Any] = {}
    for pair in _COMMA.split(text):
        key, _, value = (word.strip() for word in pair.partition("="))
        if key in found:
            raise InputError(f"{option}: found {key!r} twice; expected every key once")
        try:
            found[key] = load_yaml(value)
        except yaml.YAMLError:
            raise InputError(f"{option}: {key}: the value is not valid yaml") from None
    return found
