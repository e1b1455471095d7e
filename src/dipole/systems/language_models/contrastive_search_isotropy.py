"""Contrastive search on any language model, and the isotropy that it was thought to need.

    dipole generate FOLDER --prompt "The sea" --method contrastive-search --option k=5,alpha=0.6

`dipole.evaluation.generation` has the isotropy, the repetition and the diversity.
"""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="contrastive-search-isotropy",
    paper=(
        "Su and Collier 2022, Contrastive Search Is What You Need For Neural Text Generation, "
        "arXiv 2210.14140"
    ),
    place="dipole.language.decoding.contrastive_search:contrastive_search",
)
