"""SPARC: every word finds its own patches, and is told from the other words of its caption."""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="sparc",
    paper=(
        "Bica et al. 2024, Improving fine-grained understanding in image-text pre-training, "
        "arXiv 2401.09865"
    ),
    # The image is the anchor: its patches are grouped for the words of the positive. Weights of the
    # two parts as the objective has them; the paper leaves them open.
    recipe=Recipe(
        wants=["image-text"],
        encoder="towers",
        encoder_options={"image": "vit"},
        objective="sparc",
        objective_options={"coarse": 0.5, "fine": 1.0},
        temperature=0.07,
    ),
)
