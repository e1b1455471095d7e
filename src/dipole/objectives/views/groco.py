"""GroCo: sorted by similarity, the group of positives comes after the group of negatives."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.declared import Count, Positive
from dipole.kernels import pairs, top
from dipole.kernels.sorting_network import odd_even_sort
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import others, reduce, unit
from dipole.objectives.views.multi_view import check_several


@register(
    "groco",
    paper="Shvetsova et al. 2023, Learning by Sorting: Self-supervised Learning with Group "
    "Ordering Constraints, arXiv 2301.02009",
    system="groco",
    form="sorting",
    related=("ntxent", "triplet-batch"),
)
class GroCo(Objective):
    """Items of anchor z_vi: its other views, and its k hardest negatives, the examples of its own
    view with the largest cosines; the compared side is detached. A sorting network takes

        x = [cosines of negatives ascending, cosines of positives ascending]
        M = who of x arrives at which rank (`odd_even_sort`)
        L_vi = - mean over items of log(sum over the ranks r of the item's own group of M_item,r).

    It is the binary cross-entropy of both groups' sums, which add up to 1. The order within a
    group costs nothing. With fewer than k negatives their places stay empty; anchors without any
    are not counted. Where a sum underflows its logarithm is that of the smallest number.
    Shapes: views (v, n, d), v >= 2; ids (n,): equal ids are never negatives. `none`: (v, n).
    Defaults: the paper's.

    Example:
        >>> import torch
        >>> GroCo(steepness=1e4)(torch.stack([torch.eye(4)] * 2)).item() < 1e-3
        True
    """

    k: Count = 10
    steepness: Positive = 1.0

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        check_several(views)
        k, z = self.k, unit(views)
        fixed = z.detach()
        # (anchor's view, view, n)
        cosines = torch.stack([(one[None] * fixed).sum(-1) for one in z])
        apart = ~torch.eye(len(z), dtype=torch.bool, device=z.device)
        positives = cosines[apart].view(len(z), len(z) - 1, -1).mT.sort(-1).values
        asked = [top(k, mask=others(ids))]
        hardest = [pairs(a, b, row=asked).row[0] for a, b in zip(z, fixed, strict=True)]
        negatives = torch.stack(hardest).flip(-1)
        found = negatives > -torch.inf
        there = torch.cat([found, torch.ones_like(positives, dtype=torch.bool)], -1)
        x = torch.cat([negatives.masked_fill(~found, 0), positives], -1)
        matrix = odd_even_sort(x, steepness=self.steepness, there=there)[1]
        own = torch.cat([matrix[..., :k, :k].sum(-1), matrix[..., k:, k:].sum(-1)], -1)
        cost = -own.clamp(torch.finfo(own.dtype).tiny, 1).log()
        return reduce((cost * there).sum(-1) / there.sum(-1), self.reduction, found.any(-1))
