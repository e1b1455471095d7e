"""What a type checker sees of objectives: `make check` runs mypy over this file.

A line that is wrong must be an error: mypy reports an ignore that ignores nothing.
"""

from typing import assert_type

from dipole.objectives import DCL, InfoNCE
from dipole.objectives.contract.base import Reduction, Sum

assert_type(InfoNCE(temperature=0.1), InfoNCE)
assert_type(InfoNCE(0.1, symmetric=False).symmetric, bool)
assert_type(InfoNCE(reduction="sum").reduction, Reduction)
assert_type(InfoNCE() + 0.1 * DCL(), Sum)

InfoNCE(temprature=3)  # type: ignore[call-arg]
InfoNCE(symmetric="yes")  # type: ignore[arg-type]
InfoNCE(reduction="average")  # type: ignore[arg-type]
