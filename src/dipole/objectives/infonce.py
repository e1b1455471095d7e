"""InfoNCE: every candidate of the batch but one's own positive is a negative."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.objectives.base import Common, Objective, Temperature
from dipole.objectives.checks import check
from dipole.objectives.registry import register


def infonce(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.05,
) -> Tensor:
    """Mean over both directions of `LSE_j l_ij - l_ii`, with `l_ij = cos(q_i, k_j) / temperature`.

    anchor, positive (n, d); negative (m, d) are extra columns of the anchors' direction;
    ids (n,): equal ids are never negatives of each other.
    """
    check(anchor=anchor, positive=positive, negative=negative, ids=ids, temperature=temperature)
    q, k = F.normalize(anchor, dim=1), F.normalize(positive, dim=1)
    logits = q @ k.T / temperature
    if ids is not None:
        same = ids[:, None] == ids[None, :]
        same.fill_diagonal_(False)
        logits = logits.masked_fill(same, -torch.inf)
    forward = logits
    if negative is not None:
        extra = q @ F.normalize(negative, dim=1).T / temperature
        forward = torch.cat([logits, extra], dim=1)
    own = logits.diagonal()
    rows = torch.logsumexp(forward, dim=1) - own
    columns = torch.logsumexp(logits, dim=0) - own
    return (rows.mean() + columns.mean()) / 2


@register(
    "infonce",
    paper="van den Oord et al. 2018, Representation Learning with Contrastive Predictive Coding "
    "(arXiv 1807.03748)",
    system="infonce",
    form="softmax",
)
class InfoNCE(Objective):
    """`infonce` with its settings."""

    def __init__(self, temperature: float = 0.05, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
    ) -> Tensor:
        return infonce(anchor, positive, negative, ids, temperature=self.temperature())
