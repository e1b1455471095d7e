"""The objectives: `from dipole.objectives import InfoNCE`, or `build_objective("infonce")`.

The fields of a class are its settings, its `forward` is the maths: the docstring has the equation.
"""

from __future__ import annotations

import importlib
from typing import Any

from dipole.objectives.contract.base import Objective, Sum
from dipole.objectives.contract.registry import OBJECTIVES, build_objective

_CLASSES = {entry.partition(":")[2]: entry.partition(":")[0] for entry in OBJECTIVES.values()}

__all__ = ["Objective", "Sum", "build_objective", *_CLASSES]


def __getattr__(name: str) -> Any:
    if name in _CLASSES:
        return getattr(importlib.import_module(f"dipole.objectives.{_CLASSES[name]}"), name)
    raise AttributeError(f"module 'dipole.objectives' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
