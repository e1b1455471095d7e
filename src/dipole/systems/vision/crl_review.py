"""The review's framework: what is similar, which negatives, which towers, which head, which loss.

Its axes are the settings of `dipole train`: data and `--view` (what is similar), `--part` and
negatives (what is not), `--encoder`, `--locked` and teachers (the towers), `--encoder-option
head=`, and the objective, of the families below.
"""

from __future__ import annotations

from dipole.systems.base import System

# Family of losses -> the objective that is it.
FAMILIES = {
    "energy": "contrastive",
    "energy, batch": "contrastive-batch",
    "triplet": "triplet",
    "triplet, batch": "triplet-batch",
    "n-pair": "n-pair",
    "nce": "siglip",
    "infonce": "infonce",
}

SYSTEM = System(
    id="crl-review",
    paper="Le-Khac et al. 2020, Contrastive Representation Learning: A Framework and Review, "
    "arXiv 2010.05113",
    place="dipole.systems.vision.crl_review:FAMILIES",
)
