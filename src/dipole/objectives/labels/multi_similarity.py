"""Multi-similarity: the miner keeps the pairs that are in doubt, two soft maxima weigh them."""

from __future__ import annotations

from typing import Unpack

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import Mask, lse, maximum, minimum, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.labelled import Labelled, labelled


def multi_similarity(
    views: Tensor,
    labels: Tensor | None = None,
    ids: Tensor | None = None,
    *,
    alpha: float = 2.0,
    beta: float = 50.0,
    lam: float = 0.5,
    epsilon: float | None = 0.1,
    reduction: Reduction = "mean",
) -> Tensor:
    """With S = cosine, P(i) the others of i's class and N(i) the rest, the miner keeps

        P'(i) = {j in P(i): S_ij < max_{N(i)} S_ik + epsilon}
        N'(i) = {j in N(i): S_ij > min_{P(i)} S_ik - epsilon}

    (all of them with `epsilon=None`), and the loss of an anchor is

        L_i = 1/alpha log(1 + sum_{P'(i)} exp(-alpha (S_ij - lam)))
            + 1/beta  log(1 + sum_{N'(i)} exp(  beta (S_ij - lam))).

    Anchors whose P' or N' is empty add 0 and count in the mean; they are those without positives,
    without negatives, or with both apart by more than epsilon. The miner carries no gradient.
    Defaults: the paper's, but for lam, which is 1 in its text and 0.5 in its code and here.
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n).
    """
    check(views=views, labels=labels, ids=ids)
    batch = labelled(views, labels, ids)
    rows = multi_similarity_rows(batch, alpha=alpha, beta=beta, lam=lam, epsilon=epsilon)
    return batch.reduce(rows, reduction)


def multi_similarity_rows(
    batch: Labelled,
    *,
    alpha: float = 2.0,
    beta: float = 50.0,
    lam: float = 0.5,
    epsilon: float | None = 0.1,
) -> Tensor:
    """One number per row."""
    x, y = batch.rows, batch.columns
    near, far = list(batch.positive), list(batch.negative)
    if epsilon is not None:
        easiest, hardest = pairs(
            x.detach(),
            y.detach(),
            row=[minimum(mask=near, place=False), maximum(mask=far, place=False)],
        ).row
        near.append(Mask(lambda s, top: s < top, row=hardest + epsilon))
        far.append(Mask(lambda s, low: s > low, row=easiest - epsilon))
    asked = [
        lse(mod=lambda s: -alpha * (s - lam), mask=near),
        lse(mod=lambda s: beta * (s - lam), mask=far),
    ]
    positives, negatives = pairs(x, y, row=asked).row
    both = positives.isfinite() & negatives.isfinite()
    rows = F.softplus(positives) / alpha + F.softplus(negatives) / beta
    return torch.where(both, rows, 0)


@register(
    "multi-similarity",
    paper="Wang et al. 2019, Multi-Similarity Loss with General Pair Weighting for Deep Metric "
    "Learning, arXiv 1904.06627",
    system="multi-similarity",
    form="softplus of log-sum-exp, mined",
    related=("circle", "binomial-deviance", "lifted", "triplet-batch", "supcon"),
)
class MultiSimilarity(Objective):
    """`multi_similarity` with its settings.

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> MultiSimilarity()(z[None], labels=torch.tensor([0, 0, 1, 1]))  # apart: nothing is kept
        tensor(0.)
    """

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        lam: float = 0.5,
        epsilon: float | None = 0.1,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.alpha = check_above_zero("alpha", alpha)
        self.beta = check_above_zero("beta", beta)
        self.lam = lam
        self.epsilon = epsilon

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch; see `multi_similarity`."""
        return multi_similarity(
            views,
            labels,
            ids,
            alpha=self.alpha,
            beta=self.beta,
            lam=self.lam,
            epsilon=self.epsilon,
            reduction=self.reduction,
        )
