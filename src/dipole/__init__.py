"""dipole: contrastive representation learning and alignment.

Names are loaded where they are first used, so that `import dipole` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dipole.data import Examples as Examples
    from dipole.data import Labeled as Labeled
    from dipole.data import Pairs as Pairs
    from dipole.data import Ranked as Ranked
    from dipole.data import Scored as Scored
    from dipole.data import Triplets as Triplets
    from dipole.devices import on_device as on_device
    from dipole.encoders import Encoder as Encoder
    from dipole.encoders import load_encoder as load_encoder
    from dipole.errors import DipoleError as DipoleError
    from dipole.errors import InputError as InputError
    from dipole.evaluation import Result as Result
    from dipole.evaluation import evaluate as evaluate
    from dipole.retrieval import Index as Index
    from dipole.training.fit import fit as fit
    from dipole.training.recipe import Recipe as Recipe
    from dipole.training.run.folder import Run as Run
    from dipole.training.run.observers import StepRecord as StepRecord
    from dipole.training.run.observers import StopTraining as StopTraining
    from dipole.training.run.observers import ValidationRecord as ValidationRecord

__version__ = "0.1.0"

# Public name -> the module that defines it.
_NAMES = {
    "DipoleError": "dipole.errors",
    "Encoder": "dipole.encoders",
    "Examples": "dipole.data",
    "Index": "dipole.retrieval",
    "InputError": "dipole.errors",
    "Labeled": "dipole.data",
    "Pairs": "dipole.data",
    "Ranked": "dipole.data",
    "Recipe": "dipole.training.recipe",
    "Result": "dipole.evaluation",
    "Run": "dipole.training.run.folder",
    "Scored": "dipole.data",
    "StepRecord": "dipole.training.run.observers",
    "StopTraining": "dipole.training.run.observers",
    "Triplets": "dipole.data",
    "ValidationRecord": "dipole.training.run.observers",
    "evaluate": "dipole.evaluation",
    "fit": "dipole.training.fit",
    "load_encoder": "dipole.encoders",
    "on_device": "dipole.devices",
}

__all__ = ["__version__", *_NAMES]


if not TYPE_CHECKING:  # which knows the names above, and that there are no others

    def __getattr__(name: str) -> Any:
        if name in _NAMES:
            return getattr(importlib.import_module(_NAMES[name]), name)
        raise AttributeError(f"module 'dipole' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
