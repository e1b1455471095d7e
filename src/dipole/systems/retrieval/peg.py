"""PEG: hard pairs count more and more, which under noise is safer than from the start.

Batches are of one source each. The paper has 80,000 pairs in a batch and five mined negatives of
each: `--batch-size` and `--chunk`, and triplets (docs/negatives.md).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import torch

from dipole.data import Pairs
from dipole.objectives import PEG, InfoNCE
from dipole.studies.benches.pairs import Bags, found, short_code
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe

# Share of the training pairs whose positives belong to others of them.
NOISE = 0.15
EPOCHS, BATCH, TEMPERATURE = 6, 64, 0.05
SHUFFLED = 0
# Arm -> what differs from the recipe.
ARMS: dict[str, dict[str, Any]] = {
    "uniform": {"objective": "infonce", "objective_options": {"symmetric": False}},
    "focal": {
        "objective": "focal-infonce",
        "objective_options": {"gamma": 1.0, "detach": True, "symmetric": False},
    },
    "peg": {},
}


def noisy_code(part: str, quick: bool) -> Pairs:
    """stdlib-code with the positives of 15 % of the training pairs passed on; the test is clean."""
    pairs = short_code(part, quick)
    if part != "train":
        return pairs
    positives = list(pairs.column("positive"))
    rows = np.random.default_rng(SHUFFLED).permutation(len(pairs))[: round(NOISE * len(pairs))]
    for row, source in zip(rows, np.roll(rows, 1), strict=True):
        positives[row] = pairs[source]["positive"]
    return Pairs.from_columns(
        {"anchor": list(pairs.column("anchor")), "positive": positives},
        origin=f"{pairs.origin}, {len(rows)} positives shuffled",
    )


@cache
def bags(noise: bool, quick: bool) -> Bags:
    """Towers for the pairs as they are or with noise."""
    return Bags((noisy_code if noise else short_code)("train", quick))


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray | float]:
    """MRR@10 per clean test pair; and how far PEG with gamma 0 is from InfoNCE."""
    test = short_code("test", quick)
    outcome: dict[str, np.ndarray | float] = {"difference from InfoNCE, gamma 0": flat(seed)}
    for noise in (False, True):
        towers = bags(noise, quick)
        steps = 3 if quick else EPOCHS * len(towers.pairs) // BATCH
        for name, arm in ARMS.items():
            settings = {"temperature": TEMPERATURE, "batch_size": BATCH, "max_steps": steps} | arm
            tower = towers.trained(seed, "peg", **settings)
            outcome[f"{name}, {'noise' if noise else 'clean'}"] = found(tower, test)
    return outcome


def flat(seed: int) -> float:
    """With gamma 0 loss and gradient are those of InfoNCE, at the end of training too."""
    torch.manual_seed(seed)
    a, p = torch.randn(64, 32, requires_grad=True), torch.randn(64, 32)
    ours, plain = PEG(0.05, gamma=0.0, progress=1.0), InfoNCE(0.05, symmetric=False)
    (one,), (other,) = (torch.autograd.grad(f(a, p), a) for f in (ours, plain))
    return max((ours(a, p) - plain(a, p)).abs().item(), (one - other).abs().max().item())


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
            "Attention that moves to hard pairs as training goes on costs nothing on clean data, "
            "and under noise is safer than attention to hard pairs from the start."
        ),
        experiment=experiment,
        primary=AtLeast("peg, clean", "uniform, clean", by=-0.3),
        reported="",
        secondary=[
            AtLeast("peg, noise", "focal, noise", by=0.5),
            AtMost("difference from InfoNCE, gamma 0", 0.0, every=True),
        ],
        notes=(
            "Values: MRR@10 over the test pairs of stdlib-code, codes cut after 200 characters;"
            f" bags of words trained from scratch, {EPOCHS} epochs of batches of {BATCH}. Noise: 15"
            " % of the training pairs have another's positive, the test is clean. `focal` weighs a"
            " pair by its difficulty from the first step, `peg` by difficulty^(t/T): the paper's"
            " abstract says that attention changes in the course of training and not how, so the"
            " formula is a reading."
        ),
    ),
)
