"""Claims: what a system promises as an experiment. One file per system, named after it.

`studies` (study/) train many arms alike; `proof/` judges them; `comparison/` ranks them.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, Any

from dipole.errors import InputError
from dipole.lookup import nearest

if TYPE_CHECKING:
    from dipole.claims.proof.claim import AtLeast, AtMost, Claim, Inequality

__all__ = ["AtLeast", "AtMost", "Claim", "Inequality", "claim_of", "claimed_systems"]


def claimed_systems() -> list[str]:
    """The ids of the systems that have a claim: the files beside this one.

    >>> "dcl" in claimed_systems()
    True
    """
    found = pkgutil.iter_modules(__path__)
    return sorted(module.name.replace("_", "-") for module in found if not module.ispkg)


def claim_of(system: str) -> Claim:
    """The claim of a system; an InputError suggests close ids."""
    known = claimed_systems()
    if system not in known:
        raise InputError(f"claim: found no claim of {system!r}; {nearest(system, known)}")
    claim: Claim = importlib.import_module(f"{__name__}.{system.replace('-', '_')}").CLAIM
    return claim


def __getattr__(name: str) -> Any:
    if name in ("AtLeast", "AtMost", "Claim", "Inequality"):
        return getattr(importlib.import_module("dipole.claims.proof.claim"), name)
    raise AttributeError(f"module 'dipole.claims' has no attribute {name!r}")
