"""AMPO: of many own answers the best one against those few rejected ones that cover the others."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Count, NotNegative, Positive
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import reduce
from dipole.objectives.preferences.answers import Preference, of_lists
from dipole.studies.benches import preferences as bench
from dipole.studies.claim import AtLeast, Claim
from dipole.systems.base import System
from dipole.training.recipe import Recipe


class GroupContrast(Preference):
    """With s(y) = beta log pi(y|x) / |y| + alpha r(y), r the rating of an answer,

        L = -log (sum_{y in S+} exp s(y) / sum_y exp s(y)),

    S+ the first `positives` answers of a prompt, which are its best. The paper has r less its mean
    over the pool, which the quotient does not see. No reference. Our reading, as no code is
    published: log-probabilities are means over tokens, as in SimPO, to which two answers with alpha
    = 0 come down; no margin. Shapes: mean_logps, ratings (n, k), the best first; answer_mask (n,
    k). A prompt with a single answer does not count.

    Example:
        >>> import torch
        >>> GroupContrast()(torch.zeros(1, 2), torch.zeros(1, 2)).item()
        0.6931...
    """

    answers = "list"

    beta: Positive = 5.0
    alpha: NotNegative = 0.1
    positives: Count = 1

    def forward(
        self, mean_logps: Tensor, ratings: Tensor, answer_mask: Tensor | None = None
    ) -> Tensor:
        there, counted = of_lists(mean_logps, answer_mask)
        scores = self.beta * wide(mean_logps) + self.alpha * wide(ratings)
        scores = scores.masked_fill(~there, -torch.inf)
        best = scores[:, : self.positives].logsumexp(1)
        return reduce(scores.logsumexp(1) - best, self.reduction, counted)


def pooled(choose: str, count: int, **more: str) -> dict[str, object]:
    """32 answers of the model, rated, of which some are chosen."""
    return {
        "source": "self-samples", "samples": 32, "choose": choose, "count": count, **more,
    }  # fmt: skip


ENUM = "dipole.studies.benches.enum_writer"
TRUE = {"reward": f"{ENUM}:golden", "vectors": f"{ENUM}:letter_vectors"}
SYSTEM = System(
    id="ampo",
    paper="Gupta et al. 2025, AMPO: Active Multi-Preference Optimization, arXiv 2502.18293",
    # 32 own answers a prompt, rated by a reward fitted to the data, one rejected of each cluster
    recipe=Recipe(
        wants=["preferences"],
        mine=pooled("clusters", 7, reward="bradley-terry") | {"temperature": 0.8},
        objective=f"{__name__}:GroupContrast",
        objective_options={"beta": 5.0, "alpha": 0.1},
    ),
    claim=Claim(
        sentence=(
            "Rejected answers of one cluster each teach more than as many of the lowest rewards."
        ),
        bench="preferences",
        settings={
            "data": "dipole.studies.benches.preferences:lists",
            "encoder": f"{ENUM}:EnumWriter",
        },
        regime=(
            "the policy is the bench's, and draws answers: 32 to each of 1,024 prompts, as many"
            " prompts as the bench's lists have."
        ),
        arms={
            "clusters": {"mine": pooled("clusters", 7, **TRUE)},
            "covering": {"mine": pooled("covering", 7, **TRUE)},
            "bottom": {"mine": pooled("bottom", 7, **TRUE)},
            "best and worst": {"mine": pooled("ends", 1, **TRUE)},
        },
        primary=AtLeast("clusters", "bottom", on=bench.METRIC),
        reported=(
            "Llama-3-8B-Instruct, AlpacaEval length-controlled: 52.4 with clusters, 51.6 covering,"
            " 50.8 with the lowest, 47.6 best against worst"
        ),
        secondary=[
            AtLeast("covering", "bottom", on=bench.METRIC),
            AtLeast("clusters", "best and worst", on=bench.METRIC),
            AtLeast("bottom", "best and worst", on=bench.METRIC),
            AtLeast("clusters", "bottom", on="reward"),
        ],
        looks=(5, 10),
        notes=(
            "Answers are embedded as which letter stands where. The reward is the true one,"
            " as the paper's is a strong model of its own. Beta and alpha are as published,"
            " or as our reading has it; the pool is drawn once, from the reference."
        ),
        lesson=(
            "Of many own answers hold the best one against several: that is four to six points"
            " ahead of the best against the worst. Which several matters less: one of each cluster"
            " is behind the lowest here, those that cover the others cannot be told from these."
        ),
    ),
)
