"""CSGCL's team-up: nodes of strong communities count for more as candidates."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import add, lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, others, reduce, unit


@register(
    "team-up",
    paper="Chen et al. 2023, CSGCL: Community-Strength-Enhanced Graph Contrastive Learning, "
    "arXiv 2305.04658",
    system="csgcl",
    form="softmax, log-weight per candidate",
    related=("ntxent", "infonce"),
)
class TeamUp(Objective):
    """With z the 2n views, p(i) the other view of a node and s_j the strength of j's community,

        l_ij = (cos(z_i, z_j) + gamma (s_i + s_j)) / temperature
        L_i  = log sum_{j != i} exp l_ij - l_ip(i).

    s_i cancels: gamma s_j is a log-weight per candidate, the positive's too. gamma = 0 is NT-Xent;
    the paper raises it from 0 to 1 in the course of training (set `objective.gamma`).
    Returns the mean over the 2n views (`none`: n rows, each the mean of a node's two views).
    Shapes: anchor, positive (n, d), the two views; scores (n,), the strengths; ids (n,): nodes with
    equal ids are never negatives of each other.

    Example:
        >>> import torch
        >>> TeamUp(temperature=0.5)(torch.eye(4), torch.eye(4), torch.zeros(4)).item()
        0.5...
    """

    temperature: Temperature = Temperature(0.4)
    gamma: float = 1.0

    def forward(
        self, anchor: Tensor, positive: Tensor, scores: Tensor, ids: Tensor | None = None
    ) -> Tensor:
        a, p, t = unit(anchor), unit(positive), self.temperature()
        bonus, mask = self.gamma * scores.to(a.dtype) / t, others(ids)
        along = [lse(mod=add(column=bonus), mask=mask)]  # candidates are columns
        down = [lse(mod=add(row=bonus), mask=mask)]
        block = pairs(a, p, temperature=t, row=along, column=down)
        first = log_add(block.row[0], *pairs(a, a, temperature=t, row=along).row)
        second = log_add(block.column[0], *pairs(p, p, temperature=t, row=along).row)
        score = own(a, p, temperature=t) + bonus
        sides = F.logsigmoid(score - first) + F.logsigmoid(score - second)
        return reduce(-sides / 2, self.reduction)
