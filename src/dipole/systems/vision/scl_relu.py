"""Symmetric collapse: behind a ReLU, SupCon's classes are orthogonal whatever their sizes."""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="scl-relu",
    paper="Kini et al. 2023, Symmetric Neural-Collapse Representations with Supervised Contrastive "
    "Loss: The Impact of ReLU and Batching, arXiv 2306.07960",
    place="dipole.evaluation.geometry.classes:neural_collapse",
)
