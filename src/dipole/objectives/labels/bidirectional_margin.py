"""ClusterNS's bidirectional margin: a false negative belongs between positive and negative."""

from __future__ import annotations

from typing import Literal

from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Modifier, count, off_diagonal, own, pairs, same, total
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, reduce, unit


@register(
    "bidirectional-margin",
    paper="Deng et al. 2023, Clustering-Aware Negative Sampling for Unsupervised Sentence "
    "Representation, arXiv 2305.09892",
    system="clusterns",
    form="hinge, a band for false negatives",
    related=("infonce", "dclr"),
)
class BidirectionalMargin(Objective):
    """With F_i the others of an anchor's cluster and D_ij = cos(a_i, p_j) - cos(a_i, p_i),

        L = 1/n^2 sum_{i, j in F_i} max(0, D_ij + alpha) + max(0, -D_ij - beta),

    which asks for -beta <= D_ij <= -alpha. The mean over all n^2 pairs, as in the authors' code,
    for which the weight 1e-3 was chosen; `over="found"` takes it over the pairs of one cluster
    instead, so that their number does not matter. (With alpha > 0 that code also adds alpha for
    every pair of unlike clusters, a constant.) An addition to InfoNCE whose extra negatives are
    each anchor's second nearest centroid:
    `InfoNCE(symmetric=False) + 1e-3 * BidirectionalMargin()`; a batch without any F_i has the
    loss 0. `none`: row i has its part of the sum times n, by n^2 or the number of pairs.
    Shapes: anchor, positive (n, d); labels (n,), the cluster each row is assigned to.

    Example:
        >>> import torch
        >>> one_cluster = torch.zeros(4, dtype=torch.long)
        >>> round(BidirectionalMargin()(torch.eye(4), torch.eye(4), one_cluster).item(), 4)
        0.525
    """

    alpha: float = 0.0
    beta: float = 0.3
    over: Literal["all", "found"] = "all"

    def make(self) -> None:
        if self.alpha > self.beta:
            raise InputError(f"alpha: found {self.alpha}, expected at most beta = {self.beta}")

    def forward(self, anchor: Tensor, positive: Tensor, labels: Tensor) -> Tensor:
        a, p = unit(anchor), unit(positive)
        outside = Modifier(
            lambda s, own: (s - own + self.alpha).relu() + (own - s - self.beta).relu(),
            row=own(a, p),
        )
        alike = [same(labels), off_diagonal()]
        loss, size = pairs(a, p, row=[total(outside, mask=alike), count(alike)]).row
        sizes = everywhere(size)
        per_row = sizes.mean() if self.over == "found" else sizes.new_tensor(len(sizes))
        return reduce(loss / per_row.masked_fill(per_row == 0, 1), self.reduction)
