"""SwAV: every view predicts the balanced cluster assignment of the others; small crops beside."""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="swav",
    paper=(
        "Caron et al. 2020, Unsupervised Learning of Visual Features by Contrasting Cluster "
        "Assignments, arXiv 2006.09882"
    ),
    # Two full crops and six small ones; the queue of small batches is there from the beginning,
    # where the paper lets it wait for 15 epochs; the prototypes stand still for one of 400.
    recipe=Recipe(
        wants=["images"],
        encoder="conv",
        view=["multi-crop"],
        view_options={"local": 6},
        objective="swav",
        objective_options={"still": 1 / 400},
        temperature=0.1,
        parts=[{"queue": {"size": 3840}}],
    ),
)
