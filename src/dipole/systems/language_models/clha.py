"""CLHA: answers ranked by a margin per token, without pairs that a reward model cannot tell."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import NotNegative
from dipole.objectives.dimensions.moments import total_everywhere, wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, of_lists
from dipole.studies.benches import preferences as bench
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe


class RankMargin(Preference):
    """With p_i = log pi(y_i|x) / |y_i| of K answers, the best first, and rewards r_i,

        L_d   = mean over |r_i - r_{i+d}| > gate of max(0, margin d - (p_i - p_{i+d}))
        L_sft = -1(r_1 > worth) log pi(y_1|x), a sum over tokens
        L     = sum_{d=1}^{K-1} L_d + weight (K - 1)^2 mean L_sft.

    Each L_d has one mean over all kept pairs of the batch, 0 where there are none; that of L_sft is
    over all prompts, those that are not imitated too. No reference. The code has one constant, 3,
    as margin and as gate; a margin of 3 nats a token is hardly ever reached. It shifts the mask of
    the prompt along with the inputs, so it never scores the first token of an answer and scores one
    behind its end; here all tokens of the answer are scored, and no other. Shapes: mean_logps,
    logps, ratings (n, k); answer_mask (n, k). The order of the answers is that of the labels, and
    need not be that of the ratings.

    Example:
        >>> import torch
        >>> means, rewards = torch.tensor([[-1.0, -3.0]]), torch.tensor([[2.0, -2.0]])
        >>> RankMargin()(means, 4 * means, rewards).item()
        1.2000...
    """

    answers = "list"

    margin: NotNegative = 3.0
    gate: NotNegative = 3.0
    worth: float = 0.0
    weight: NotNegative = 0.05

    def forward(
        self,
        mean_logps: Tensor,
        logps: Tensor,
        ratings: Tensor,
        answer_mask: Tensor | None = None,
    ) -> Tensor:
        there, counted = of_lists(mean_logps, answer_mask)
        there = there & counted[:, None]
        p, k = wide(mean_logps), there.sum(1)
        loss = p.new_zeros(())
        for d in range(1, p.shape[1]):
            far = (ratings[:, :-d] - ratings[:, d:]).abs() > self.gate
            kept = far & there[:, :-d] & there[:, d:]
            hinge = (self.margin * d - (p[:, :-d] - p[:, d:])).clamp(min=0)
            pairs = total_everywhere(kept.sum().to(p.dtype)).clamp(min=1)
            loss = loss + total_everywhere(torch.where(kept, hinge, 0).sum()) / pairs
        imitated = (ratings[:, 0] > self.worth) & counted
        likely = torch.where(imitated, wide(logps)[:, 0], 0)
        return loss - self.weight * reduce((k - 1).square() * likely, "mean", counted)


HERE = f"{__name__}:RankMargin"
PROXY = "dipole.systems.language_models.online_offline_gap:proxy"
SYSTEM = System(
    id="clha",
    paper=(
        "Fang et al. 2024, CLHA: A Simple yet Effective Contrastive Learning Framework for Human "
        "Alignment, arXiv 2403.16649"
    ),
    # The labels keep their order; rewards fitted to them say which are in doubt. The published gate
    # of 3 is in units of its reward model.
    recipe=Recipe(
        wants=["preferences"],
        mine={"source": "rescored", "reward": "bradley-terry"},
        objective=HERE,
        objective_options={"margin": 3.0, "gate": 1.0, "weight": 0.05},
        learning_rate=5e-6,
        epochs=2,
    ),
    claim=Claim(
        sentence=(
            "Without pairs that a reward model cannot tell apart, and without imitating answers"
            " that it finds bad, the same ranking loss aligns better."
        ),
        bench="preferences",
        arms={
            "clha": {"mine": {"reward": PROXY}},
            "no gates": {
                "mine": {"reward": PROXY},
                "objective_options": {"gate": 0.0, "worth": -1e9},
            },
            "dpo": {"mine": {"source": "none"}, "objective": "dpo"},
        },
        primary=AtLeast("clha", "no gates", on=bench.METRIC),
        reported=(
            "rescoring and the adaptive supervised loss each raise the reward on HH (ablation; no"
            " single number is repeated here)"
        ),
        secondary=[
            AtLeast("clha", "no gates", on="reward"),
            AtLeast("clha", "dpo", on=bench.METRIC),
        ],
        looks=(5, 10),
        notes=(
            "The labels are the bench's, one in four wrong; the reward is a Bradley-Terry"
            " model of letters and neighbours, fitted to the same pairs. Margin and weight"
            " are as published; the gate, 3 in units of the paper's reward model, is 1 here"
            " (odds of e to 1), and was not tuned."
        ),
        lesson=(
            "Gates by rewards let the model move further and reach more reward, but at an equal KL"
            " they cost some two points, and DPO is three ahead of them."
        ),
    ),
)
