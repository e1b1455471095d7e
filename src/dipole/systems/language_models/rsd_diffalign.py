"""Which words make two texts differ in meaning: DiffAlign and DiffDel, without labels.

DiffMask, which asks a masked language model, is not here.
"""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="rsd-diffalign",
    paper=(
        "Vamvas and Sennrich 2023, Towards Unsupervised Recognition of Semantic Differences in "
        "Related Documents, arXiv 2305.13303"
    ),
    place="dipole.aligning.words.differences:unaligned",
)
