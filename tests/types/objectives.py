"""What a type checker sees of objectives: `make check` runs mypy over this file.

A line that is wrong must be an error: mypy reports an ignore that ignores nothing.
"""

from typing import assert_type

from dipole.objectives import (
    DCL,
    GML,
    GroCo,
    InfoNCE,
    ListNet,
    LogitAdjusted,
    RelaxedMover,
    SupCon,
    VICReg,
)
from dipole.objectives.contract.base import Reduction, Sum

assert_type(InfoNCE(temperature=0.1), InfoNCE)
assert_type(InfoNCE(0.1, symmetric=False).symmetric, bool)
assert_type(InfoNCE(reduction="sum").reduction, Reduction)
assert_type(InfoNCE() + 0.1 * DCL(), Sum)

InfoNCE(temprature=3)  # type: ignore[call-arg]
InfoNCE(symmetric="yes")  # type: ignore[arg-type]
InfoNCE(reduction="average")  # type: ignore[arg-type]

assert_type(GroCo(5, steepness=2.0).k, int)
assert_type(RelaxedMover(0.1).temperature.value, float)
SupCon(variant="both")  # type: ignore[arg-type]
ListNet(label_temperature=None)  # type: ignore[arg-type]
LogitAdjusted(dim=8)  # type: ignore[call-arg]
GML(counts=3)  # type: ignore[arg-type]
VICReg(25.0, "25")  # type: ignore[arg-type]
