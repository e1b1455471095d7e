"""CACR: positives compete for the pull, negatives for the push, and the costs are subtracted."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import Modifier, Weight, lse, pairs, total
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import others, reduce, unit
from dipole.objectives.views.multi_view import check_several


@register(
    "cacr",
    paper="Zheng et al. 2021, Contrastive Attraction and Contrastive Repulsion for "
    "Representation Learning, arXiv 2105.03746",
    system="cacr",
    form="difference of two weighted costs",
    related=("align-uniform", "mv-dhel", "ntxent"),
)
class CACR(Objective):
    """With the cost c(x, y) = ||x - y||^2 of unit vectors and z_ia view a of example i,

        attraction_i = mean_a     sum_{b != a} softmax_b( t_positive c(z_ia, z_ib)) c(z_ia, z_ib)
        repulsion_i  = mean_{a<b} sum_{j != i} softmax_j(-t_negative c(z_ia, z_jb)) c(z_ia, z_jb)
        L_i          = alpha attraction_i - beta repulsion_i.

    The farthest positive and the nearest negative weigh most, and the weights have a gradient. An
    example without negatives has no repulsion. t_negative is 0.9 for CIFAR-10 in the paper, 2 for
    CIFAR-100 and STL-10.
    Shapes: views (v, n, d), v >= 2; ids (n,): examples with equal ids are never negatives of each
    other.

    Example:
        >>> import torch
        >>> round(CACR()(torch.eye(4).expand(3, 4, 4)).item(), 4)
        -2.0
    """

    alpha: float = 1.0
    beta: float = 1.0
    t_positive: Positive = 1.0
    t_negative: Positive = 0.9

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        check_several(views)
        v, n, _ = views.shape
        z = unit(views)
        first, second = (~torch.eye(v, dtype=torch.bool, device=z.device)).nonzero().T
        cost = (z[first] - z[second]).square().sum(-1).view(v, v - 1, n)
        attraction = (torch.softmax(self.t_positive * cost, 1) * cost).sum(1).mean(0)
        repulsion = torch.stack(
            [_nearest(z[a], z[b], ids, self.t_negative) for a, b in combinations(range(v), 2)]
        ).mean(0)
        return reduce(self.alpha * attraction - self.beta * repulsion, self.reduction)


def _nearest(x: Tensor, y: Tensor, ids: Tensor | None, t: float) -> Tensor:
    """sum_j softmax_j(-t c(x_i, y_j)) c(x_i, y_j) over the negatives j; 0 without any."""
    mask = others(ids)
    (log_z,) = pairs(x, y, row=[lse(mod=lambda s: -t * (2 - 2 * s), mask=mask)]).row
    log_z = torch.where(torch.isfinite(log_z), log_z, 0)
    share = Weight(lambda s, log_z: torch.exp(-t * (2 - 2 * s) - log_z), row=log_z)
    cost = Modifier(lambda s: 2 - 2 * s)
    (mean,) = pairs(x, y, row=[total(cost, mask=mask, weight=share)]).row
    return mean
