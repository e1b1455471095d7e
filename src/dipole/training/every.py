"""How often something is done between steps: every so many epochs, or steps."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from dipole.errors import InputError

_TEXT = re.compile(r"(\d+(?:\.\d+)?) *(step|epoch)s?")


@dataclass(frozen=True)
class Every:
    """So many epochs or steps.

    Example:
        >>> [Every.read(value).steps(60) for value in ("500steps", "2epochs", 0.5)]
        [500, 120, 30]
    """

    count: float
    unit: Literal["epochs", "steps"] = "epochs"

    @classmethod
    def read(cls, value: str | float, what: str = "every") -> Every:
        """From a number of epochs, or a text with its unit; what: its name in a message."""
        if not isinstance(value, str):
            return cls(value)
        found = _TEXT.fullmatch(value.strip())
        if found is None or not (count := float(found[1])):
            raise InputError(f"{what}: found '{value}'; expected epochs, as 2, or 500steps")
        if found[2] == "step" and not count.is_integer():
            raise InputError(f"{what}: found '{value}'; expected a whole number of steps")
        return cls(count, "steps" if found[2] == "step" else "epochs")

    def steps(self, epoch: int) -> int:
        """How many steps that is, where an epoch has so many; one at least."""
        return max(round(self.count * (epoch if self.unit == "epochs" else 1)), 1)
