"""Names with settings: `NAME:KEY=VALUE,KEY=VALUE` on the command line, `{NAME: {KEY: VALUE}}` in a
recipe; so parts and sources are written."""

from __future__ import annotations

import re
from typing import Any

import yaml

from dipole.errors import InputError
from dipole.training.yaml_loading import load_yaml

# Name -> module:class of `training.parts`.
PARTS = {
    "centroids": "centroids:Centroids",
    "classes": "classes:Classes",
    "logits": "logits:Logits",
    "masked-words": "masked_words:MaskedWords",
    "mixed": "queue:Mixed",
    "pseudo-labels": "pseudo_labels:PseudoLabels",
    "queue": "queue:Queue",
    "reference": "reference:Reference",
    "teacher": "teacher:Teacher",
}
_SETTINGS = re.compile(r"(?P<name>[^=]+?):(?P<settings>[^:=]+=.*)", re.DOTALL)
_COMMA = re.compile(r",(?=\s*[A-Za-z_]\w*=)")


def read_named(given: Any, setting: str, example: str) -> tuple[str, dict[str, Any]]:
    """(name, settings), however they were written.

    Raises InputError in the words of the `setting` (`parts`) and with an `example` of it.

    >>> read_named("queue:size=4,holds=anchor", "parts", "queue:size=160")
    ('queue', {'size': 4, 'holds': 'anchor'})
    """
    option = f"--{setting.removesuffix('s')}"
    if isinstance(given, str):
        split = _SETTINGS.fullmatch(given)
        return (split["name"], _values(split["settings"], given, option)) if split else (given, {})
    if isinstance(given, dict) and len(given) == 1:
        ((name, settings),) = given.items()
        if isinstance(name, str) and isinstance(settings, dict | None):
            return name, settings or {}
    shown = _SETTINGS.fullmatch(example)
    assert shown is not None
    inner = shown["settings"].replace("=", ": ").replace(",", ", ")
    raise InputError(
        f"{setting}: found {given!r}; expected a name, as {example}, or "
        f"{{{shown['name']}: {{{inner}}}}}"
    )


def _values(text: str, whole: str, option: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in _COMMA.split(text):
        key, _, value = (word.strip() for word in pair.partition("="))
        if key in found:
            raise InputError(f"{option} {whole}: found {key!r} twice; expected every key once")
        try:
            found[key] = load_yaml(value)
        except yaml.YAMLError:
            raise InputError(f"{option} {whole}: {key}: the value is not valid yaml") from None
    return found
