"""Rank-N-Contrast (SupCR): of two examples the one with the nearer label is the nearer vector."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.everyone import everyone, positions
from dipole.objectives.lists.listmle import plackett_luce
from dipole.objectives.maths import reduce


def rank_n_contrast(
    views: Tensor,
    scores: Tensor,
    *,
    temperature: float | Tensor = 2.0,
    reduction: Reduction = "mean",
) -> Tensor:
    """With s_ij = -||z_i - z_j|| / temperature over all views z, of labels y,

        S_ij = { k != i : |y_i - y_k| >= |y_i - y_j| }
        L_i  = mean_{j != i} [ log sum_{k in S_ij} exp s_ik - s_ij ]:

    ListMLE of each row, the nearest label first. Vectors are taken as they are, not normalised.
    Keeps the scores, (n v, n v): every row is sorted by its own labels. A lone view is not counted.
    Shapes: views (v, n, d), v views of n examples; scores (n,), the labels. `none`: (v, n).
    """
    check(views=views, scores=scores, temperature=temperature)
    v, n, _ = views.shape
    z = wide(views).transpose(0, 1).reshape(n * v, -1)
    y = scores.repeat_interleave(v).double()
    every, labels = everyone(z), everyone(y)
    far = torch.cdist(z, every, compute_mode="donot_use_mm_for_euclid_dist")
    own = positions(n * v, z.device)
    others = torch.arange(len(every), device=z.device) != own[:, None]
    terms = plackett_luce(-far / temperature, -(y[:, None] - labels).abs(), others)
    size = others.sum(1)
    rows = terms.sum(1) / size.clamp(min=1)
    return reduce(rows.view(n, v).T, reduction, (size > 0).view(n, v).T)


@register(
    "rank-n-contrast",
    paper="Zha et al. 2023, Rank-N-Contrast: Learning Continuous Representations for Regression, "
    "arXiv 2210.01189",
    system="supremix",
    form="likelihood of the order of the labels",
    related=("supremix", "listmle", "supcon"),
    executors=(),
)
class RankNContrast(Objective):
    """`rank_n_contrast` with its settings.

    Example:
        >>> import torch
        >>> z = 100 * torch.arange(4.0)[:, None]  # as far apart as the labels
        >>> RankNContrast()(torch.stack([z, z]), torch.arange(4.0)).item() < 1
        True
    """

    def __init__(self, temperature: float = 2.0, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)

    def forward(self, views: Tensor, scores: Tensor) -> Tensor:
        """The loss of a batch; see `rank_n_contrast`."""
        return rank_n_contrast(
            views, scores, temperature=self.temperature(), reduction=self.reduction
        )
