"""ClusterNS's bidirectional margin: a false negative belongs between positive and negative."""

from __future__ import annotations

from typing import Literal, Unpack

from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import Modifier, count, off_diagonal, own, pairs, same, total
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import everywhere, reduce, unit


def bidirectional_margin(
    anchor: Tensor,
    positive: Tensor,
    labels: Tensor,
    *,
    alpha: float = 0.0,
    beta: float = 0.3,
    over: Literal["all", "found"] = "all",
    reduction: Reduction = "mean",
) -> Tensor:
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
    """
    check(anchor=anchor, positive=positive, labels=labels)
    a, p = unit(anchor), unit(positive)
    outside = Modifier(
        lambda s, own: (s - own + alpha).relu() + (own - s - beta).relu(), row=own(a, p)
    )
    alike = [same(labels), off_diagonal()]
    loss, size = pairs(a, p, row=[total(outside, mask=alike), count(alike)]).row
    sizes = everywhere(size)
    pairs_per_row = sizes.mean() if over == "found" else sizes.new_tensor(len(sizes))
    return reduce(loss / pairs_per_row.masked_fill(pairs_per_row == 0, 1), reduction)


@register(
    "bidirectional-margin",
    paper="Deng et al. 2023, Clustering-Aware Negative Sampling for Unsupervised Sentence "
    "Representation, arXiv 2305.09892",
    system="clusterns",
    form="hinge, a band for false negatives",
    related=("infonce", "dclr"),
)
class BidirectionalMargin(Objective):
    """`bidirectional_margin` with its settings; over: "all" pairs, or those "found" in a cluster.

    Example:
        >>> import torch
        >>> one_cluster = torch.zeros(4, dtype=torch.long)
        >>> round(BidirectionalMargin()(torch.eye(4), torch.eye(4), one_cluster).item(), 4)
        0.525
    """

    def __init__(
        self,
        alpha: float = 0.0,
        beta: float = 0.3,
        over: Literal["all", "found"] = "all",
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        if over not in ("all", "found"):
            raise InputError(f"over: found {over!r}, expected 'all' or 'found'")
        if not alpha <= beta:
            raise InputError(f"alpha: found {alpha}, expected at most beta = {beta}")
        self.alpha = alpha
        self.beta = beta
        self.over = over

    def forward(self, anchor: Tensor, positive: Tensor, labels: Tensor) -> Tensor:
        """The loss of a batch; see `bidirectional_margin`."""
        return bidirectional_margin(
            anchor,
            positive,
            labels,
            alpha=self.alpha,
            beta=self.beta,
            over=self.over,
            reduction=self.reduction,
        )
