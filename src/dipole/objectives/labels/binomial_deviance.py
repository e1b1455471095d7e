"""Binomial deviance: a logistic question per pair, negatives far steeper than positives."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from dipole.declared import Positive
from dipole.kernels import count, pairs, total
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.labelled import Labelled, labelled


@register(
    "binomial-deviance",
    paper="Yi et al. 2014, Deep Metric Learning for Practical Person Re-Identification, "
    "arXiv 1407.4979",
    system="multi-similarity",
    form="sigmoid, labels",
    related=("multi-similarity", "siglip"),
)
class BinomialDeviance(Objective):
    """With S = cosine, P(i) the others of i's class and N(i) the rest,

        L_i = mean_{p in P(i)} log(1 + exp(-alpha (S_ip - lam)))
            + mean_{n in N(i)} log(1 + exp(  beta (S_in - lam))).

    An empty set adds 0. As in the multi-similarity paper, which puts the sums inside the logarithm.
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n).

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> round(BinomialDeviance()(z[None], labels=torch.tensor([0, 0, 1, 1])).item(), 4)
        0.3133
    """

    alpha: Positive = 2.0
    beta: Positive = 50.0
    lam: float = 0.5

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        batch = labelled(views, labels, ids)
        return batch.reduce(self.per_row(batch), self.reduction)

    def per_row(self, batch: Labelled) -> Tensor:
        """L_i."""
        pull, friends, push, others = pairs(
            batch.rows,
            batch.columns,
            row=[
                total(lambda s: F.softplus(-self.alpha * (s - self.lam)), mask=batch.positive),
                count(batch.positive),
                total(lambda s: F.softplus(self.beta * (s - self.lam)), mask=batch.negative),
                count(batch.negative),
            ],
        ).row
        return pull / friends.clamp(min=1) + push / others.clamp(min=1)
