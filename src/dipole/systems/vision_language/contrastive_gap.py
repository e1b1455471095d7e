"""The contrastive gap: contrast leaves two clouds; alignment and uniformity across close them.

CUAXU of the paper, all weights 1, the temperature 0.01 fixed as in the released code; without the
last term it is CUA. How far the clouds are apart: `dipole evaluate --task geometry`.
"""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="contrastive-gap",
    paper="Fahim et al. 2024, It's Not a Modality Gap: Characterizing and Addressing the "
    "Contrastive Gap, arXiv 2405.18570",
    recipe=Recipe(
        wants=["image-text", "pairs"],
        objective="infonce + align-uniform + cross-uniformity",
        objective_options={"infonce.temperature": 0.01},
    ),
)
