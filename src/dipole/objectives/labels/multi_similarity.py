"""Multi-similarity: the miner keeps the pairs that are in doubt, two soft maxima weigh them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import Mask, lse, maximum, minimum, pairs
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.labelled import Labelled, labelled


@register(
    "multi-similarity",
    paper="Wang et al. 2019, Multi-Similarity Loss with General Pair Weighting for Deep Metric "
    "Learning, arXiv 1904.06627",
    system="multi-similarity",
    form="softplus of log-sum-exp, mined",
    related=("circle", "binomial-deviance", "lifted", "triplet-batch", "supcon"),
)
class MultiSimilarity(Objective):
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

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> MultiSimilarity()(z[None], labels=torch.tensor([0, 0, 1, 1]))  # apart: nothing is kept
        tensor(0.)
    """

    alpha: Positive = 2.0
    beta: Positive = 50.0
    lam: float = 0.5
    epsilon: float | None = 0.1

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        return batch.reduce(self.per_row(batch), self.reduction)

    def per_row(self, batch: Labelled) -> Tensor:
        """L_i."""
        x, y = batch.rows, batch.columns
        near, far = list(batch.positive), list(batch.negative)
        if self.epsilon is not None:
            easiest, hardest = pairs(
                x.detach(),
                y.detach(),
                row=[minimum(mask=near, place=False), maximum(mask=far, place=False)],
            ).row
            near.append(Mask(lambda s, top: s < top, row=hardest + self.epsilon))
            far.append(Mask(lambda s, low: s > low, row=easiest - self.epsilon))
        asked = [
            lse(mod=lambda s: -self.alpha * (s - self.lam), mask=near),
            lse(mod=lambda s: self.beta * (s - self.lam), mask=far),
        ]
        positives, negatives = pairs(x, y, row=asked).row
        both = positives.isfinite() & negatives.isfinite()
        rows = F.softplus(positives) / self.alpha + F.softplus(negatives) / self.beta
        return torch.where(both, rows, 0)
