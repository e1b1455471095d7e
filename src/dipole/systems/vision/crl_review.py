"""The review's framework: what is similar, which negatives, which towers, which head, which loss.

Its axes are the settings of `dipole train`: data and `--view` (what is similar), `--part` and
negatives (what is not), `--encoder`, `--locked` and teachers (the towers), `--encoder-option
head=`, and the objective, of the families below.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dipole.studies.claim import AtLeast, Claim, Outcome
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
INFONCE = {"objective": "infonce", "temperature": 0.05}
# InfoNCE and what differs from it in one thing: the loss, the negatives, the towers.
ARMS: dict[str, dict[str, Any]] = {
    "infonce": INFONCE,
    "loss: energy": {"objective": FAMILIES["energy, batch"]},
    "loss: triplet": {"objective": FAMILIES["triplet"]},
    "loss: triplet, batch": {"objective": FAMILIES["triplet, batch"]},
    "loss: n-pair": {"objective": FAMILIES["n-pair"]},
    "loss: nce": {"objective": FAMILIES["nce"]},
    "negatives: a queue": INFONCE | {"parts": [{"queue": {"size": 256}}]},
    "towers: momentum": INFONCE
    | {"parts": [{"queue": {"size": 256}}, {"teacher": {"decay": 0.99, "makes": "queue"}}]},
}


def least(outcome: Outcome) -> dict[str, np.ndarray]:
    """Per seed: the least gain of any over the untrained tower."""
    mean = {arm: outcome[arm]["MRR@10"].mean(1) for arm in (*ARMS, "untrained")}
    return {"least gain": np.min([mean[arm] - mean["untrained"] for arm in ARMS], axis=0)}


SYSTEM = System(
    id="crl-review",
    paper="Le-Khac et al. 2020, Contrastive Representation Learning: A Framework and Review, "
    "arXiv 2010.05113",
    place="dipole.systems.vision.crl_review:FAMILIES",
    claim=Claim(
        sentence=(
            "A contrastive method is a choice of similar pairs, negatives, towers and loss: each"
            " can be exchanged with the others as they are, and every such method learns."
        ),
        bench="pairs",
        settings={"epochs": 1},
        regime="half the length: whether something is learnt shows soon.",
        arms=ARMS | {"untrained": INFONCE | {"learning_rate": 1e-9}},
        derive=least,
        primary=AtLeast("least gain", 0.0),
        reported="a survey's framework; it reports no numbers of its own",
        secondary=[
            *(AtLeast(arm, "untrained", on="MRR@10") for arm in ARMS),
        ],
        notes=(
            "Each arm differs from InfoNCE in one thing, the loss, the negatives or the towers,"
            " at the"
            " settings of the bench, untuned; similar is what belongs together, a docstring and its"
            " code, in all. *Untrained* is the same training at a rate of 1e-9. *Least gain*: of"
            " the"
            " arm that is least above it, at each seed."
        ),
        lesson=(
            "Every kind of contrast that the survey lists learns more than an untrained tower, by "
            "3 points (an energy) to 17 (InfoNCE): most losses, a queue and a slow second tower "
            "are within a point of each other."
        ),
    ),
)
