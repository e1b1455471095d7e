"""AMCL: several heads judge a pair, each at a temperature it predicts from the pair."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from dipole.declared import Count, Positive
from dipole.errors import InputError
from dipole.kernels import Modifier, count, lse, pairs, total
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, mean, one_against, others, reduce, unit


@register(
    "amcl",
    paper="Wang et al. 2023, Adaptive Multi-head Contrastive Learning, arXiv 2310.05615",
    system="amcl",
    form="softmax, several heads, temperature per pair",
    related=("ntxent", "macl", "isogclr"),
)
class AMCL(Objective):
    """With z_i^c the unit vector of head c and view i, of 2n views, p(i) the other view,

        tau_ij^c = lowest + (highest - lowest) sigmoid(phi(z_i^c) . phi(z_j^c) + bias)
        s_ij^c   = cos(z_i^c, z_j^c) / tau_ij^c
        L_i      = sum_c ( log sum_{j != i} exp s_ij^c - s_ip(i)^c )
                   + regulariser mean_c mean_{j != i} ( log(tau_ij^c) / 2 + beta / tau_ij^c ).

    phi, a linear map shared by the heads, and the bias are learnt; `seed` draws the first weights
    of phi, so that every process starts with the same, and the temperatures start at about `start`.
    The regulariser is least at tau = 2 beta. Every temperature is computed in the tiles.
    Returns the mean over the 2n views (`none`: n rows, each the mean of an example's two views).
    Shapes: anchor, positive (n, heads dim), the heads' vectors side by side; ids (n,): examples
    with equal ids are never negatives of each other.

    Example:
        >>> import torch
        >>> AMCL(heads=2, dim=4)(torch.randn(6, 8), torch.randn(6, 8)).shape
        torch.Size([])
    """

    heads: Count = 3
    dim: Count = 128
    lowest: float = 0.05
    highest: float = 2.0
    start: float = 0.2
    regulariser: float = 0.1
    beta: Positive = 0.1
    seed: int = 0

    def make(self) -> None:
        if not 0 < self.lowest < self.start < self.highest:
            raise InputError(
                f"start: found {self.start!r} with lowest={self.lowest!r} and "
                f"highest={self.highest!r}, expected 0 < lowest < start < highest"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.phi = nn.Linear(self.dim, self.dim, bias=False)
        share = (self.start - self.lowest) / (self.highest - self.lowest)
        self.bias = nn.Parameter(torch.tensor(math.log(share / (1 - share))))

    def forward(self, anchor: Tensor, positive: Tensor, ids: Tensor | None = None) -> Tensor:
        width = self.heads * self.dim
        if anchor.shape[1] != width:
            raise InputError(
                f"anchor: found shape {tuple(anchor.shape)}, expected (n, {width}): "
                f"{self.heads} heads of {self.dim}"
            )
        sides = [
            [unit(z) for z in x.unflatten(1, (self.heads, -1)).unbind(1)]
            for x in (anchor, positive)
        ]
        rows = [torch.zeros_like(sides[0][0][:, 0]) for _ in sides]
        for views in zip(*sides, strict=True):
            maps = [self.phi(z) for z in views]
            own_tau = self._tau((maps[0] * maps[1]).sum(1), self.bias)
            hit = (views[0] * views[1]).sum(1) / own_tau
            for i, j in ((0, 1), (1, 0)):
                far = [self._meet(views[i], views[k], maps[i], maps[k], ids) for k in (i, j)]
                log_z, costs, size = (torch.stack(part) for part in zip(*far, strict=True))
                spent = (self._cost(own_tau) + costs.sum(0)) / (1 + size.sum(0))
                loss = one_against(hit, log_add(*log_z))
                rows[i] = rows[i] + loss + self.regulariser / self.heads * spent
        return mean([reduce(row, self.reduction) for row in rows])

    def _tau(self, dots: Tensor, bias: Tensor) -> Tensor:
        return self.lowest + (self.highest - self.lowest) * torch.sigmoid(dots + bias)

    def _cost(self, tau: Tensor) -> Tensor:
        return tau.log() / 2 + self.beta / tau

    def _meet(
        self, x: Tensor, y: Tensor, f: Tensor, g: Tensor, ids: Tensor | None
    ) -> tuple[Tensor, ...]:
        """Over the negatives of x's rows in y: log-sum-exp, sum of the costs, how many."""

        def cooled(score: Tensor, f: Tensor, g: Tensor, bias: Tensor) -> Tensor:
            return score / self._tau(f @ g.T, bias)

        def costs(_: Tensor, f: Tensor, g: Tensor, bias: Tensor) -> Tensor:
            return self._cost(self._tau(f @ g.T, bias))

        mask = others(ids)
        score, cost = (Modifier(of, row=f, column=g, shared=self.bias) for of in (cooled, costs))
        return pairs(x, y, row=[lse(mod=score, mask=mask), total(cost, mask=mask), count(mask)]).row
