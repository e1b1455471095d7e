"""CLRCMD: the score of two sentences is made of the best matches of their tokens, both ways."""

from __future__ import annotations

from dipole.systems.base import System
from dipole.training.recipe import Recipe

SYSTEM = System(
    id="clrcmd",
    paper=(
        "Lee et al. 2022, Toward Interpretable Semantic Textual Similarity via Optimal "
        "Transport-based Contrastive Sentence Learning, arXiv 2202.13196"
    ),
    # Pairs of NLI with hard negatives; tokens as the tower gives them, special ones too (the
    # release has one more linear layer behind a pretrained tower; our reading: the tower's last).
    recipe=Recipe(
        wants=["triplets", "pairs"],
        objective="clrcmd",
        temperature=0.05,
        batch_size=128,
        epochs=3,
    ),
)
