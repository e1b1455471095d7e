"""SimCSE: dropout is the only difference of two views; with labels an entailed sentence is the
positive and a contradiction a hard negative."""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="simcse",
    paper="Gao et al. 2021, SimCSE, arXiv 2104.08821",
    recipe=Recipe(
        wants=["texts", "triplets", "pairs"],
        objective="infonce",
        objective_options={"symmetric": False},
        temperature=0.05,
    ),
)
