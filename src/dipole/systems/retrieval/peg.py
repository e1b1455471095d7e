"""PEG: hard pairs count more and more, which under noise is safer than from the start.

Batches are of one source each. The paper has 80,000 pairs in a batch and five mined negatives of
each: `--batch-size` and `--chunk`, and triplets (docs/negatives.md).
"""

from __future__ import annotations

import numpy as np

from dipole.data import Pairs
from dipole.studies.benches.pairs import rows
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# Share of the training pairs whose positives belong to others of them.
NOISE = 0.15
SHUFFLED = 0
NOISY = {"data": f"{__name__}:noisy"}


def noisy(split: str, quick: bool = False) -> Pairs:
    """The first fold with the positives of 15 % of the training pairs passed on; its test is
    clean."""
    pairs = rows(split, quick)
    if split != "train":
        return pairs
    positives = list(pairs.column("positive"))
    chosen = np.random.default_rng(SHUFFLED).permutation(len(pairs))[: round(NOISE * len(pairs))]
    for row, source in zip(chosen, np.roll(chosen, 1), strict=True):
        positives[row] = pairs[source]["positive"]
    return Pairs.from_columns(
        {"anchor": list(pairs.column("anchor")), "positive": positives},
        origin=f"{pairs.origin}, {len(chosen)} positives shuffled",
    )


UNIFORM = {"objective": "infonce", "objective_options": {"symmetric": False}}
# Weights by difficulty that are as strong at the first step as at the last.
FOCAL = {
    "objective": "focal-infonce",
    "objective_options": {"gamma": 1.0, "detach": True, "symmetric": False},
}
SYSTEM = System(
    id="peg",
    paper=(
        "Wu et al. 2023, Towards Robust Text Retrieval with Progressive Learning, arXiv 2311.11691"
    ),
    recipe=Recipe(
        wants=["pairs", "triplets"],
        objective="peg",
        objective_options={"gamma": 1.0},
        sampler="sources",
    ),
    claim=Claim(
        sentence=(
            "Attention that moves to hard pairs as training goes on learns more than uniform"
            " attention."
        ),
        bench="pairs",
        arms={
            "peg": {},
            "uniform": UNIFORM,
            "peg, noise": NOISY,
            "uniform, noise": UNIFORM | NOISY,
            "focal, noise": FOCAL | NOISY,
        },
        primary=AtLeast("peg", "uniform", on="MRR@10"),
        reported=(
            "ahead of earlier encoders on C-MTEB and DuReader as a whole, without a number"
            " (abstract); of the weights alone it says nothing (tables not confirmed here)"
        ),
        secondary=[
            AtLeast("peg, noise", "focal, noise", on="MRR@10"),
            AtLeast("peg, noise", "uniform, noise", on="MRR@10"),
        ],
        notes=(
            "The abstract says that attention changes in the course of training and not how, so"
            " the formula, difficulty^(t/T), is a reading, and what is found here is said of the"
            " reading alone. Noise: 15 % of the training pairs of one fold have another's positive,"
            " the test is clean; `focal` weighs a pair by its difficulty from the first step."
        ),
        lesson=(
            "Weights that grow with a pair's difficulty cost this small tower about a point and a"
            " half, on clean pairs and under noise."
        ),
    ),
)
