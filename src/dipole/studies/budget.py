"""How long a member of a study trains: `60s`, `2000steps` or `10epochs`, the same for all."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dipole.errors import InputError

_FORM = re.compile(r"(?P<amount>\d+(?:\.\d+)?)\s*(?P<unit>s|min|steps?|epochs?)")


@dataclass(frozen=True)
class Budget:
    """An amount of training: `seconds` (turned into steps once, by measuring), steps or epochs."""

    unit: str
    amount: float

    def __str__(self) -> str:
        if self.unit == "seconds":
            return f"{self.amount:g} s of training"
        return f"{self.amount:g} {self.unit}"

    def settings(self, steps_per_second: float | None = None) -> dict[str, float | int]:
        """As settings of a run; seconds take the speed that was measured."""
        if self.unit == "epochs":
            return {"epochs": self.amount}
        if self.unit == "steps":
            return {"max_steps": int(self.amount)}
        assert steps_per_second is not None
        return {"max_steps": max(1, round(self.amount * steps_per_second))}


def parse_budget(text: str) -> Budget:
    """The budget a text says.

    >>> parse_budget("2000steps")
    Budget(unit='steps', amount=2000.0)
    >>> parse_budget("2min")
    Budget(unit='seconds', amount=120.0)
    """
    found = _FORM.fullmatch(text.strip())
    amount = float(found["amount"]) if found else 0.0
    unit = found["unit"] if found else ""
    if unit in ("s", "min"):
        budget = Budget("seconds", amount * (60 if unit == "min" else 1))
    else:
        budget = Budget("epochs" if unit.startswith("epoch") else "steps", amount)
    if found is None or amount <= 0 or (budget.unit == "steps" and amount % 1):
        raise InputError(f"budget: {text!r}; expected such as 60s, 2000steps or 10epochs")
    return budget
