"""CSGCL's team-up: nodes of strong communities count for more as candidates."""

from __future__ import annotations

from typing import Unpack

import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import add, lse, own, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, others, reduce, unit


def team_up(
    anchor: Tensor,
    positive: Tensor,
    scores: Tensor,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.4,
    gamma: float = 1.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """With z the 2n views, p(i) the other view of a node and s_j the strength of j's community,

        l_ij = (cos(z_i, z_j) + gamma (s_i + s_j)) / temperature
        L_i  = log sum_{j != i} exp l_ij - l_ip(i).

    s_i cancels: gamma s_j is a log-weight per candidate, the positive's too. gamma = 0 is NT-Xent;
    the paper raises it from 0 to 1 in the course of training (set `objective.gamma`).
    Returns the mean over the 2n views (`none`: n rows, each the mean of a node's two views).
    Shapes: anchor, positive (n, d), the two views; scores (n,), the strengths; ids (n,): nodes with
    equal ids are never negatives of each other.
    """
    check(anchor=anchor, positive=positive, scores=scores, ids=ids, temperature=temperature)
    a, p = unit(anchor), unit(positive)
    bonus = gamma * scores.to(a.dtype) / temperature
    mask = others(ids)
    along = lse(mod=add(column=bonus), mask=mask)  # candidates are columns
    down = lse(mod=add(row=bonus), mask=mask)
    block = pairs(a, p, temperature=temperature, row=[along], column=[down])
    first = log_add(block.row[0], *pairs(a, a, temperature=temperature, row=[along]).row)
    second = log_add(block.column[0], *pairs(p, p, temperature=temperature, row=[along]).row)
    score = own(a, p, temperature=temperature) + bonus
    return reduce(-(F.logsigmoid(score - first) + F.logsigmoid(score - second)) / 2, reduction)


@register(
    "team-up",
    paper="Chen et al. 2023, CSGCL: Community-Strength-Enhanced Graph Contrastive Learning, "
    "arXiv 2305.04658",
    system="csgcl",
    form="softmax, log-weight per candidate",
    related=("ntxent", "infonce"),
)
class TeamUp(Objective):
    """`team_up` with its settings.

    Example:
        >>> import torch
        >>> TeamUp(temperature=0.5)(torch.eye(4), torch.eye(4), torch.zeros(4)).item()
        0.5...
    """

    def __init__(
        self, temperature: float = 0.4, gamma: float = 1.0, **common: Unpack[Common]
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)
        self.gamma = gamma

    def forward(
        self, anchor: Tensor, positive: Tensor, scores: Tensor, ids: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch; see `team_up`."""
        return team_up(
            anchor,
            positive,
            scores,
            ids,
            temperature=self.temperature(),
            gamma=self.gamma,
            reduction=self.reduction,
        )
