"""RankNet: of two candidates of a list the more relevant one is to have the larger logit."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.pointwise import MASK, present
from dipole.objectives.maths import reduce


@register(
    "ranknet",
    paper="Burges et al. 2005, Learning to Rank using Gradient Descent, ICML 2005",
    system="ranknet",
    form="logistic regression of differences",
    related=("lambda-loss", "pair-bce", "plackett-luce"),
    executors=(),
)
class RankNet(Objective):
    """With the logits s_ik of an anchor's candidates and their relevance y_ik,

        L_i = mean_{k, l: y_ik > y_il} log(1 + exp(-(s_ik - s_il))).

    Candidates of equal relevance have no order and say nothing of each other.
    Shapes: logits, relevance (n, k); mask (n, k), False for padding: rows without two candidates of
    different relevance are not counted. Memory O(n k^2).

    Example:
        >>> import torch
        >>> RankNet()(torch.tensor([[9.0, -9.0]]), torch.tensor([[1.0, 0.0]])).item() < 0.001
        True
    """

    shapes = MASK

    def forward(self, logits: Tensor, relevance: Tensor, mask: Tensor | None = None) -> Tensor:
        s, kept = wide(logits), present(logits, mask)
        ordered = in_order(relevance, kept)
        losses = -F.logsigmoid(s[:, :, None] - s[:, None, :])
        size = ordered.sum((1, 2))
        total = torch.where(ordered, losses, 0).sum((1, 2))
        return reduce(total / size.clamp(min=1), self.reduction, size > 0)


def in_order(relevance: Tensor, kept: Tensor) -> Tensor:
    """(n, k, l): both candidates are there, and k is more relevant than l."""
    both = kept[:, :, None] & kept[:, None, :]
    return both & (relevance[:, :, None] > relevance[:, None, :])
