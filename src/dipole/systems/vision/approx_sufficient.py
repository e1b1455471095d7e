"""Approximate sufficiency: what a tower loses of the information between two views."""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="approx-sufficient",
    paper="Oko et al. 2025, A Statistical Theory of Contrastive Learning via Approximate "
    "Sufficient Statistics, arXiv 2503.17538",
    place="dipole.evaluation.bounds.sufficiency:sufficiency_bound",
)
