"""dipole: contrastive representation learning and alignment.

Names are loaded where they are first used, so that `import dipole` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipole.errors import DipoleError as DipoleError
    from dipole.errors import InputError as InputError
    from dipole.training.fit import fit as fit
    from dipole.training.recipe import Recipe as Recipe

__version__ = "0.1.0"

# Public name -> the module that defines it.
_NAMES = {
    "InputError": "dipole.errors",
    "DipoleError": "dipole.errors",
    "Recipe": "dipole.training.recipe",
    "fit": "dipole.training.fit",
}

__all__ = ["__version__", *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'dipole' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
