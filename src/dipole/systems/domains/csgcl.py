"""CSGCL: members of strong communities count for more. Its objective, of nodes in two views of a
graph, with the strength of each one's community as `scores`: no training on a file of texts."""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="csgcl",
    paper=(
        "Chen et al. 2023, CSGCL: Community-Strength-Enhanced Graph Contrastive Learning, "
        "arXiv 2305.04658"
    ),
    place="dipole.objectives:TeamUp",
)
