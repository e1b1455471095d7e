"""A compass for embedders of a domain: thresholds, overlaps and isotropy beside the accuracy."""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="telecom-compass",
    paper="A Compass for Navigating the World of Sentence Embeddings for the Telecom Domain",
    place="dipole.evaluation.geometry.pairs:threshold",
)
