"""CACR: positives compete for the pull, negatives for the push, and the costs are subtracted."""

from __future__ import annotations

from itertools import combinations
from typing import Unpack

import torch
from torch import Tensor

from dipole.kernels import Modifier, Weight, lse, pairs, total
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import others, reduce, unit
from dipole.objectives.views.multi_view import check_several


def cacr(
    views: Tensor,
    ids: Tensor | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    t_positive: float = 1.0,
    t_negative: float = 0.9,
    reduction: Reduction = "mean",
) -> Tensor:
    """With the cost c(x, y) = ||x - y||^2 of unit vectors and z_ia view a of example i,

        attraction_i = mean_a     sum_{b != a} softmax_b( t_positive c(z_ia, z_ib)) c(z_ia, z_ib)
        repulsion_i  = mean_{a<b} sum_{j != i} softmax_j(-t_negative c(z_ia, z_jb)) c(z_ia, z_jb)
        L_i          = alpha attraction_i - beta repulsion_i.

    The farthest positive and the nearest negative weigh most, and the weights have a gradient. An
    example without negatives has no repulsion. t_negative is 0.9 for CIFAR-10 in the paper, 2 for
    CIFAR-100 and STL-10.
    Shapes: views (v, n, d), v >= 2; ids (n,): examples with equal ids are never negatives of each
    other.
    """
    check(views=views, ids=ids)
    check_several(views)
    v, n, _ = views.shape
    z = unit(views)
    first, second = (~torch.eye(v, dtype=torch.bool, device=z.device)).nonzero().T
    cost = (z[first] - z[second]).square().sum(-1).view(v, v - 1, n)
    attraction = (torch.softmax(t_positive * cost, 1) * cost).sum(1).mean(0)
    repulsion = torch.stack(
        [_nearest(z[a], z[b], ids, t_negative) for a, b in combinations(range(v), 2)]
    ).mean(0)
    return reduce(alpha * attraction - beta * repulsion, reduction)


def _nearest(x: Tensor, y: Tensor, ids: Tensor | None, t: float) -> Tensor:
    """sum_j softmax_j(-t c(x_i, y_j)) c(x_i, y_j) over the negatives j; 0 without any."""
    mask = others(ids)
    (log_z,) = pairs(x, y, row=[lse(mod=lambda s: -t * (2 - 2 * s), mask=mask)]).row
    log_z = torch.where(torch.isfinite(log_z), log_z, 0)
    share = Weight(lambda s, log_z: torch.exp(-t * (2 - 2 * s) - log_z), row=log_z)
    cost = Modifier(lambda s: 2 - 2 * s)
    (mean,) = pairs(x, y, row=[total(cost, mask=mask, weight=share)]).row
    return mean


@register(
    "cacr",
    paper="Zheng et al. 2021, Contrastive Attraction and Contrastive Repulsion for "
    "Representation Learning, arXiv 2105.03746",
    system="cacr",
    form="difference of two weighted costs",
    related=("align-uniform", "mv-dhel", "ntxent"),
)
class CACR(Objective):
    """`cacr` with its settings.

    Example:
        >>> import torch
        >>> round(CACR()(torch.eye(4).expand(3, 4, 4)).item(), 4)
        -2.0
    """

    def __init__(
        self,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        t_positive: float = 1.0,
        t_negative: float = 0.9,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.alpha = alpha
        self.beta = beta
        self.t_positive = check_above_zero("t_positive", t_positive)
        self.t_negative = check_above_zero("t_negative", t_negative)

    def forward(self, views: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `cacr`."""
        return cacr(
            views,
            ids,
            alpha=self.alpha,
            beta=self.beta,
            t_positive=self.t_positive,
            t_negative=self.t_negative,
            reduction=self.reduction,
        )
