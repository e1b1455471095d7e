"""What of a system agrees with the authors' code: `parity.json`, written from tests/parity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

# How the difference begins where the paper's equation is followed, and the code has another.
ANOTHER = "the paper, not the code"


class Compared(NamedTuple):
    """One comparison: of what, with which code, and why it differs if it does."""

    name: str
    part: str
    source: str
    difference: str = ""


@cache
def _parity() -> Mapping[str, Any]:
    text = files(__package__).joinpath("parity.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def parity_of(system: str) -> list[Compared]:
    """The comparisons of a system with other code, in the order of their names.

    >>> [compared.name for compared in parity_of("clrcmd")]
    ['clrcmd', 'late-interaction-colbert']
    """
    return [Compared(*row) for row in _parity()["systems"].get(system, ())]


def is_compared(system: str) -> bool:
    """Whether a system agrees with the authors' code: something was compared, and that code does
    not compute another loss than the paper has.

    >>> is_compared("clrcmd"), is_compared("peg"), is_compared("amcl")
    (True, False, False)
    """
    found = parity_of(system)
    return bool(found) and not any(one.difference.startswith(ANOTHER) for one in found)


def tolerance() -> str:
    """How near agreeing values and gradients are.

    >>> tolerance()
    '1e-09'
    """
    return f"{_parity()['tolerance']:g}"


def parity_lines(system: str) -> list[str]:
    """A line for each repository or package: how many values and gradients agree, what differs."""
    sources: dict[str, list[Compared]] = {}
    for compared in parity_of(system):
        sources.setdefault(_short(compared.source), []).append(compared)
    lines = []
    for source, several in sources.items():
        agree = [one.name for one in several if not one.difference]
        said = f"{source}: {len(agree)} of {len(several)} agree"
        said += f" ({', '.join(agree)})" if agree else ""
        differ = [f"{one.name} differs ({one.difference})" for one in several if one.difference]
        lines.append("; ".join([said, *differ]))
    return lines


def _short(source: str) -> str:
    """owner/repo@0123456, or a package, without the path in it."""
    where = source.partition(":")[0]
    repository, at, commit = where.partition("@")
    return f"{repository}@{commit[:7]}" if at else where
