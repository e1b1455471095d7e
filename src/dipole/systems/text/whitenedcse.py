"""WhitenedCSE: shuffled group whitening makes three views of a sentence, InfoNCE compares them."""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="whitenedcse",
    paper=(
        "Zhuo et al. 2023, WhitenedCSE: Whitening-based Contrastive Learning of Sentence "
        "Embeddings, arXiv 2305.17746"
    ),
    # groups of six dimensions, as 128 of BERT's 768 are
    recipe=Recipe(
        wants=["texts"],
        view=["same*3"],
        objective="whitenedcse",
        objective_options={"groups": None},
        temperature=0.05,
        batch_size=128,
    ),
)
