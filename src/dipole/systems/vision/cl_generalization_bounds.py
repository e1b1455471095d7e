"""Generalisation of contrast: the gap between training and test grows with log k, not sqrt k."""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="cl-generalization-bounds",
    paper="Lei et al. 2023, Generalization Analysis for Contrastive Representation Learning, arXiv "
    "2302.12383",
    place="dipole.evaluation.bounds.gap:linear_gap_bound",
)
