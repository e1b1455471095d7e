"""SimCSE: dropout is the only difference of two views.

Supervised, with an entailed sentence as the positive and a contradiction as a hard negative, it is
`--objective infonce` at this temperature on triplets.
"""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="simcse",
    paper="Gao et al. 2021, SimCSE, arXiv 2104.08821",
    recipe=Recipe(
        wants=["texts"],
        view=["same"],
        objective="infonce",
        objective_options={"symmetric": False},
        temperature=0.05,
    ),
)
