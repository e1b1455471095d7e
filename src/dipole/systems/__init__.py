"""The published systems: one file each, in a room by its group.

A system's file says what it promises (`CLAIM`); `catalogue.tsv` lists all that are planned.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from dipole.errors import InputError
from dipole.lookup import nearest

if TYPE_CHECKING:
    from dipole.studies.claim import Claim


@cache
def _modules() -> dict[str, str]:
    """System -> the module that is its file."""
    rooms = [room.name for room in pkgutil.iter_modules(__path__) if room.ispkg]
    found = {}
    for room in rooms:
        for file in pkgutil.iter_modules([f"{__path__[0]}/{room}"]):
            found[file.name.replace("_", "-")] = f"{__name__}.{room}.{file.name}"
    return found


def claimed_systems() -> list[str]:
    """The ids of the systems that have a claim.

    >>> "dcl" in claimed_systems()
    True
    """
    return sorted(_modules())


def claim_of(system: str) -> Claim:
    """The claim of a system; an InputError suggests close ids."""
    known = claimed_systems()
    if system not in known:
        raise InputError(f"claim: found no claim of {system!r}; {nearest(system, known)}")
    claim: Claim = importlib.import_module(_modules()[system]).CLAIM
    return claim
