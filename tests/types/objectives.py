"""What a type checker sees of objectives: `make check` runs mypy over this file.

A line that is wrong must be an error: mypy reports an ignore that ignores nothing.
"""

from typing import assert_type

from dipole.objectives import (
    DCL,
    GML,
    GroCo,
    InfoNCE,
    ISogCLR,
    ListNet,
    LogitAdjusted,
    QueueInfoNCE,
    RelaxedMover,
    SupCon,
    Triplet,
    VICReg,
    WeightedInfoNCE,
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

assert_type(QueueInfoNCE(hardest=4).hardest, int | None)
assert_type(ISogCLR(0.07, rho=0.1).gamma, float)  # a setting of the class it extends
Triplet(margin=None, mining="semi-hard", distance="euclidean")
Triplet(mining="easy")  # type: ignore[arg-type]
WeightedInfoNCE(0.07, "log")
WeightedInfoNCE(weight_of=2)  # type: ignore[arg-type]
