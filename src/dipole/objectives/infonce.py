"""InfoNCE: every candidate of the batch but one's own positive is a negative."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def infonce(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    ids: Tensor | None = None,
    *,
    temperature: float = 0.05,
) -> Tensor:
    """Mean over both directions of `LSE_j l_ij - l_ii`, with `l_ij = cos(q_i, k_j) / temperature`.

    anchor, positive (n, d); negative (m, d) are extra columns of the anchors' direction;
    ids (n,): equal ids are never negatives of each other.
    """
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


class InfoNCE(nn.Module):
    """`infonce` with its settings."""

    def __init__(self, temperature: float = 0.05) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
    ) -> Tensor:
        return infonce(anchor, positive, negative, ids, temperature=self.temperature)
