"""AMCL: several heads judge a pair, each at a temperature it predicts from the pair."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dipole.declared import Count, NotNegative
from dipole.errors import InputError
from dipole.kernels import maximum, pairs
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import mean, others, reduce, unit
from dipole.objectives.whole_batch import whole_batch


@register(
    "amcl",
    paper="Wang et al. 2023, Adaptive Multi-head Contrastive Learning, arXiv 2310.05615",
    system="amcl",
    form="positive against the hardest negative, several heads, temperature per pair",
    related=("ntxent", "macl", "isogclr"),
)
class AMCL(Objective):
    """With z_i^c the unit vector of head c and view i, of 2n views, p(i) the other view and h(i, c)
    the hardest negative, the view of another example whose cosine with z_i^c is the largest,

        tau_ij^c  = lowest + (highest - lowest) sigmoid(phi(z_i^c) . phi(z_j^c))
        cost_ij^c = -cos(z_i^c, z_j^c) / tau_ij^c + beta (d / 2 log tau_ij^c + 1 / tau_ij^c)
        L_i       = sum_c ( cost_ip(i)^c - cost_ih(i,c)^c ),

    d = `dim`: equation (2.1) on the authors' page, in which the regulariser of a negative's
    temperature is taken off. phi, a linear map shared by the heads, is learnt; `seed` draws its
    first weights, so that every process starts with the same. The published code has no negatives:
    a positive of score s costs log(1 + exp(-2 s)), every score is divided by the temperatures of
    all rows, and its dim is the number of rows. `lowest`, `highest` and `beta` are that code's.
    A row without negatives has the cost of its positive.
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
    lowest: float = 1e-5
    highest: float = 2.0
    beta: NotNegative = 0.1
    seed: int = 0

    def make(self) -> None:
        if not 0 < self.lowest < self.highest:
            raise InputError(
                f"lowest: found {self.lowest!r} with highest={self.highest!r}, "
                "expected 0 < lowest < highest"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            self.phi = nn.Linear(self.dim, self.dim, bias=False)

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
            near = self.cost(*views)
            every = torch.cat([whole_batch(z) for z in views])
            for i, z in enumerate(views):
                hardest = _hardest(z, views, ids)
                some = hardest >= 0
                far = self.cost(z, every[hardest.clamp(min=0)])
                rows[i] = rows[i] + near - torch.where(some, far, 0)
        return mean([reduce(row, self.reduction) for row in rows])

    def cost(self, x: Tensor, y: Tensor) -> Tensor:
        """The cost of pairs of unit vectors (n, dim), row by row."""
        reach = torch.sigmoid((self.phi(x) * self.phi(y)).sum(1))
        tau = self.lowest + (self.highest - self.lowest) * reach
        return (self.beta - (x * y).sum(1)) / tau + self.beta * self.dim / 2 * tau.log()


def _hardest(z: Tensor, views: tuple[Tensor, ...], ids: Tensor | None) -> Tensor:
    """The place of every row's hardest negative among all views of all processes, -1: none."""
    found = [pairs(z.detach(), y.detach(), row=[maximum(mask=others(ids))]) for y in views]
    scores = torch.stack([stats.row[0] for stats in found])
    places = [stats.row_index[0] for stats in found]
    size = len(whole_batch(z.detach()))
    first, second = (place for place in places if place is not None)
    turned = torch.where(second >= 0, second + size, second)
    return torch.where(scores[1] > scores[0], turned, first)
