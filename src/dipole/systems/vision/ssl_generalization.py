"""Generalisation of self-supervision: views that concentrate a class make its centre enough.

The bound of the nearest-centre error from alignment, the centres' divergence and the views'
concentration is `evaluation.bounds.centres.nearest_centre_bound`; the cross-correlation loss that
the paper analyses, with its weight of 0.005, is the recipe.
"""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="ssl-generalization",
    paper="Huang et al. 2023, Towards the Generalization of Contrastive Self-Supervised Learning, "
    "arXiv 2111.00743",
    recipe=Recipe(
        wants=["images"],
        encoder="conv",
        view=["simclr"],
        objective="barlow-twins",
        objective_options={"redundancy": 0.005},
    ),
    place="dipole.evaluation.bounds.centres:nearest_centre_bound",
)
