"""Rank-N-Contrast (SupCR): of two examples the one with the nearer label is the nearer vector."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.lists.listmle import plackett_luce
from dipole.objectives.maths import reduce
from dipole.objectives.whole_batch import positions, whole_batch


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
    """With s_ij = -||z_i - z_j|| / temperature over all views z, of labels y,

        S_ij = { k != i : |y_i - y_k| >= |y_i - y_j| }
        L_i  = mean_{j != i} [ log sum_{k in S_ij} exp s_ik - s_ij ]:

    ListMLE of each row, the nearest label first. Vectors are taken as they are, not normalised.
    Keeps the scores, (n v, n v): every row is sorted by its own labels. A lone view is not counted.
    Shapes: views (v, n, d), v views of n examples; scores (n,), the labels. `none`: (v, n).

    Example:
        >>> import torch
        >>> z = 100 * torch.arange(4.0)[:, None]  # as far apart as the labels
        >>> RankNContrast()(torch.stack([z, z]), torch.arange(4.0)).item() < 1
        True
    """

    temperature: Temperature = Temperature(2.0)

    def forward(self, views: Tensor, scores: Tensor) -> Tensor:
        v, n, _ = views.shape
        z = wide(views).transpose(0, 1).reshape(n * v, -1)
        y = scores.repeat_interleave(v).double()
        every, labels = whole_batch(z), whole_batch(y)
        far = torch.cdist(z, every, compute_mode="donot_use_mm_for_euclid_dist")
        own = positions(n * v, z.device)
        others = torch.arange(len(every), device=z.device) != own[:, None]
        nearness = -(y[:, None] - labels).abs()
        terms = plackett_luce(-far / self.temperature(), nearness, others)
        size = others.sum(1)
        rows = terms.sum(1) / size.clamp(min=1)
        return reduce(rows.view(n, v).T, self.reduction, (size > 0).view(n, v).T)
