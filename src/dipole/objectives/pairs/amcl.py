"""AMCL: several heads judge a pair, each at a temperature it predicts from the pair."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn

from dipole.errors import InputError
from dipole.kernels import Modifier, count, lse, pairs, total
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, mean, one_against, others, reduce, unit


def amcl(
    anchor: Tensor,
    positive: Tensor,
    phi: Callable[[Tensor], Tensor],
    bias: Tensor,
    ids: Tensor | None = None,
    *,
    heads: int = 3,
    lowest: float = 0.05,
    highest: float = 2.0,
    regulariser: float = 0.1,
    beta: float = 0.1,
    reduction: Reduction = "mean",
) -> Tensor:
    """With z_i^c the unit vector of head c and view i, of 2n views, p(i) the other view,

        tau_ij^c = lowest + (highest - lowest) sigmoid(phi(z_i^c) . phi(z_j^c) + bias)
        s_ij^c   = cos(z_i^c, z_j^c) / tau_ij^c
        L_i      = sum_c ( log sum_{j != i} exp s_ij^c - s_ip(i)^c )
                   + regulariser mean_c mean_{j != i} ( log(tau_ij^c) / 2 + beta / tau_ij^c ).

    The regulariser is least at tau = 2 beta. Every temperature is computed in the tiles.
    Returns the mean over the 2n views (`none`: n rows, each the mean of an example's two views).
    Shapes: anchor, positive (n, heads d), the heads' vectors side by side; phi maps (n, d) to
    (n, p); bias (); ids (n,): examples with equal ids are never negatives of each other.
    """
    check(anchor=anchor, positive=positive, ids=ids)
    if anchor.shape[1] % heads:
        raise InputError(
            f"anchor: found shape {tuple(anchor.shape)}, expected a width that {heads} heads divide"
        )
    mask, span = others(ids), highest - lowest

    def tau(dots: Tensor, bias: Tensor) -> Tensor:
        return lowest + span * torch.sigmoid(dots + bias)

    def cost(tau: Tensor) -> Tensor:
        return tau.log() / 2 + beta / tau

    def meet(x: Tensor, y: Tensor, f: Tensor, g: Tensor) -> tuple[Tensor, ...]:
        """Over the negatives of x's rows in y: log-sum-exp, sum of the costs, how many."""
        cooled = Modifier(lambda s, f, g, b: s / tau(f @ g.T, b), row=f, column=g, shared=bias)
        costs = Modifier(lambda _, f, g, b: cost(tau(f @ g.T, b)), row=f, column=g, shared=bias)
        asked = [lse(mod=cooled, mask=mask), total(costs, mask=mask), count(mask)]
        return pairs(x, y, row=asked).row

    sides = [[unit(z) for z in x.unflatten(1, (heads, -1)).unbind(1)] for x in (anchor, positive)]
    rows = [torch.zeros_like(sides[0][0][:, 0]) for _ in sides]
    for views in zip(*sides, strict=True):
        maps = [phi(z) for z in views]
        own_tau = tau((maps[0] * maps[1]).sum(1), bias)
        hit = (views[0] * views[1]).sum(1) / own_tau
        for i, j in ((0, 1), (1, 0)):
            far = [meet(views[i], views[k], maps[i], maps[k]) for k in (i, j)]
            log_z, costs, size = (torch.stack(part) for part in zip(*far, strict=True))
            spent = (cost(own_tau) + costs.sum(0)) / (1 + size.sum(0))
            rows[i] = rows[i] + one_against(hit, log_add(*log_z)) + regulariser / heads * spent
    return mean([reduce(row, reduction) for row in rows])


@register(
    "amcl",
    paper="Wang et al. 2023, Adaptive Multi-head Contrastive Learning, arXiv 2310.05615",
    system="amcl",
    form="softmax, several heads, temperature per pair",
    related=("ntxent", "macl", "isogclr"),
)
class AMCL(Objective):
    """`amcl` with phi, a linear map shared by the heads, and its bias, both learnt.

    dim: the width of one head; encoders give heads x dim. The temperatures start at about `start`.
    `seed` draws the first weights of phi, so that every process starts with the same.

    Example:
        >>> import torch
        >>> AMCL(heads=2, dim=4)(torch.randn(6, 8), torch.randn(6, 8)).shape
        torch.Size([])
    """

    def __init__(
        self,
        heads: int = 3,
        dim: int = 128,
        *,
        lowest: float = 0.05,
        highest: float = 2.0,
        start: float = 0.2,
        regulariser: float = 0.1,
        beta: float = 0.1,
        seed: int = 0,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if heads < 1:
            raise InputError(f"heads: found {heads}, expected 1 or more")
        if not 0 < lowest < start < highest:
            raise InputError(
                f"start: found {start!r} with lowest={lowest!r} and highest={highest!r}, "
                "expected 0 < lowest < start < highest"
            )
        self.heads = heads
        self.lowest = lowest
        self.highest = highest
        self.regulariser = regulariser
        self.beta = check_above_zero("beta", beta)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.phi = nn.Linear(dim, dim, bias=False)
        share = (start - lowest) / (highest - lowest)
        self.bias = nn.Parameter(torch.tensor(math.log(share / (1 - share))))

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        """The loss of a batch; see `amcl`."""
        check(anchor=anchor, positive=positive, ids=ids)
        if anchor.shape[1] != self.heads * self.phi.in_features:
            width = self.heads * self.phi.in_features
            raise InputError(
                f"anchor: found shape {tuple(anchor.shape)}, expected (n, {width}): "
                f"{self.heads} heads of {self.phi.in_features}"
            )
        return amcl(
            anchor,
            positive,
            self.phi,
            self.bias,
            ids,
            heads=self.heads,
            lowest=self.lowest,
            highest=self.highest,
            regulariser=self.regulariser,
            beta=self.beta,
            reduction=self.reduction,
        )
