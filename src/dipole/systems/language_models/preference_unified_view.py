"""A unified view of preference learning: every objective is a coefficient for each answer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import OBJECTIVES, objective_class
from dipole.objectives.preferences.coefficients import batch_of, gradient_coefficients
from dipole.studies.claim import AtLeast, AtMost, Claim
from dipole.systems.base import System

# Objectives of how much likelier one answer is than another; the others also say how likely each
# is to be.
RELATIVE = frozenset(
    {
        "dpo", "robust-dpo", "ipo", "slic", "exo", "aot", "discopop", "ld-dpo", "infonca", "simpo",
    }
)  # fmt: skip
PROMPTS, TOKENS = 12, 6


def preference_objectives() -> dict[str, Objective]:
    """All objectives of preferences by name, with their defaults."""
    names = [name for name, place in OBJECTIVES.items() if place.startswith("preferences.")]
    return {name: objective_class(name)().double() for name in names}


def drawn(seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log-probabilities of pairs under a policy and the reference, not far from it; ratings and
    lengths. Both answers have one length: with others `ld-dpo` takes part of the longer one."""
    made = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, TOKENS, (PROMPTS, 1), generator=made).repeat(1, 2)
    reference = -lengths * (0.5 + torch.rand(PROMPTS, 2, generator=made, dtype=torch.double))
    policy = reference * (0.9 + 0.2 * torch.rand(PROMPTS, 2, generator=made, dtype=torch.double))
    ratings = torch.tensor([[1.0, 0.0]], dtype=torch.double).repeat(PROMPTS, 1)
    return policy, reference, ratings, lengths


def change(objective: Objective, seed: int) -> float:
    """How much the loss changes when both answers to a prompt become likelier by one factor."""
    policy, *others = drawn(seed)
    made = torch.Generator().manual_seed(seed + 1)
    shift = -torch.rand(PROMPTS, 1, generator=made, dtype=torch.double)
    losses = [
        objective(**objective.pick(batch_of(logps, *others))) for logps in (policy, policy + shift)
    ]
    return float((losses[1] - losses[0]).abs())


def experiment(seed: int, quick: bool) -> dict[str, np.ndarray]:
    """Of the objectives: how many are other than the table says, by a shift and by the sum of
    their coefficients; and how often an answer is pushed the wrong way where nothing is learnt."""
    known = preference_objectives()
    by_shift = {name: change(one.eval(), seed) < 1e-9 for name, one in known.items()}
    policy, reference, ratings, lengths = drawn(seed)
    at_start, sums = {}, {}
    for name, one in known.items():
        given = (reference, ratings, lengths)
        sums[name] = gradient_coefficients(one.eval(), policy, *given).sum(1).abs().max() < 1e-9
        at_start[name] = gradient_coefficients(one.eval(), reference, *given)
    pushed = {name: bool((found[:, 0] >= found[:, 1]).all()) for name, found in at_start.items()}
    return {
        "other than the table, by a shift": np.array(
            [float(by_shift[name] != (name in RELATIVE)) for name in known]
        ),
        "other than the table, by coefficients": np.array(
            [float(bool(sums[name]) != (name in RELATIVE)) for name in known]
        ),
        "chosen above rejected at the start": np.array([float(pushed[name]) for name in known]),
    }


SYSTEM = System(
    id="preference-unified-view",
    paper=(
        "Gao et al. 2024, Towards a Unified View of Preference Learning for Large Language Models: "
        "A Survey, arXiv 2409.02795"
    ),
    place="dipole.objectives.preferences.coefficients:gradient_coefficients",
    claim=Claim(
        sentence=(
            "Every objective of preferences is a coefficient for each answer; where it only asks"
            " which answer is likelier, the coefficients of a prompt add up to 0."
        ),
        experiment=experiment,
        primary=AtMost("other than the table, by coefficients", 0.0, every=True),
        reported="the survey's common form of the gradient (section 2); no number",
        secondary=[
            AtMost("other than the table, by a shift", 0.0, every=True),
            AtLeast("chosen above rejected at the start", 1.0, every=True),
        ],
        looks=(5,),
        notes=(
            "The table says of ten of the 21 objectives that they are relative; which ones"
            " follows from their equations. It is compared by two roads: the sum of the"
            " coefficients of each pair, by autograd, and the change of the loss when both"
            " answers become likelier by one factor. Values are shares of the 21 objectives."
            " The one that pushes the chosen answer below the rejected one where policy and"
            " reference are equal is `discopop`, whose loss is not monotone there. All pairs"
            " of this check have answers of one length."
        ),
        lesson=(
            "Look at the coefficients before you train: half of the objectives only say"
            " which answer is likelier, so the chosen one may sink with the other, and"
            " DiscoPOP begins by pushing it down."
        ),
    ),
)
