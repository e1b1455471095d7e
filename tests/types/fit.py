"""What a type checker sees of `fit` and of recipes: `make check` runs mypy over this file.

A line that is wrong must be an error: mypy reports an ignore that ignores nothing.
"""

from typing import assert_type

import dipole
from dipole import Recipe
from dipole.training.run.folder import Run

assert_type(dipole.fit("pairs.csv", out="runs/a", recipe="dcl", batch_size=64), Run)
dipole.fit("pairs.csv", ouut=3)  # type: ignore[call-arg]
dipole.fit("pairs.csv", out="runs/a", batchsize=64)  # type: ignore[call-arg]
dipole.fit("pairs.csv", out="runs/a", batch_size="many")  # type: ignore[arg-type]
dipole.fit("pairs.csv", out="runs/a", schedule="square")  # type: ignore[arg-type]

assert_type(Recipe(objective="dcl", wants=["pairs"]).yaml(), str)
Recipe(objectiv="dcl")  # type: ignore[call-arg]
Recipe(wants=["couples"])  # type: ignore[list-item]
