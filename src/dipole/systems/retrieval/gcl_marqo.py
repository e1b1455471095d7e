"""GCL: a graded score becomes the weight of its row in the contrast."""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="gcl-marqo",
    paper=(
        "Zhu et al. 2024, Generalized Contrastive Learning for Multi-Modal Retrieval and "
        "Ranking, arXiv 2404.08535"
    ),
    # Scores of 1 to 100 by rank, taken as they are; a side is one column, a text or an image (the
    # paper may mix several fields of a product into one side).
    recipe=Recipe(
        wants=["graded"],
        objective="weighted-infonce",
        objective_options={"weight_of": "linear", "learn_temperature": True},
        temperature=0.07,
    ),
)
