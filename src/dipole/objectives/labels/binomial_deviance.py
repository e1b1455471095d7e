"""Binomial deviance: a logistic question per pair, negatives far steeper than positives."""

from __future__ import annotations

from typing import Unpack

import torch.nn.functional as F
from torch import Tensor

from dipole.kernels import count, pairs, total
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check, check_above_zero
from dipole.objectives.contract.registry import register
from dipole.objectives.labels.labelled import Labelled, labelled


def binomial_deviance(
    views: Tensor,
    labels: Tensor | None = None,
    ids: Tensor | None = None,
    *,
    alpha: float = 2.0,
    beta: float = 50.0,
    lam: float = 0.5,
    reduction: Reduction = "mean",
) -> Tensor:
    """With S = cosine, P(i) the others of i's class and N(i) the rest,

        L_i = mean_{p in P(i)} log(1 + exp(-alpha (S_ip - lam)))
            + mean_{n in N(i)} log(1 + exp(  beta (S_in - lam))).

    An empty set adds 0. As in the multi-similarity paper, which puts the sums inside the logarithm.
    Shapes: views (v, n, d), v views of n examples; labels (n,), without them every example is its
    own class; ids (n,): equal ids are never negatives. `none` returns (v, n).
    """
    check(views=views, labels=labels, ids=ids)
    batch = labelled(views, labels, ids)
    return batch.reduce(binomial_deviance_rows(batch, alpha, beta, lam), reduction)


def binomial_deviance_rows(batch: Labelled, alpha: float, beta: float, lam: float) -> Tensor:
    """One number per row."""
    pull, friends, push, others = pairs(
        batch.rows,
        batch.columns,
        row=[
            total(lambda s: F.softplus(-alpha * (s - lam)), mask=batch.positive),
            count(batch.positive),
            total(lambda s: F.softplus(beta * (s - lam)), mask=batch.negative),
            count(batch.negative),
        ],
    ).row
    return pull / friends.clamp(min=1) + push / others.clamp(min=1)


@register(
    "binomial-deviance",
    paper="Yi et al. 2014, Deep Metric Learning for Practical Person Re-Identification, "
    "arXiv 1407.4979",
    system="multi-similarity",
    form="sigmoid, labels",
    related=("multi-similarity", "siglip"),
)
class BinomialDeviance(Objective):
    """`binomial_deviance` with its settings.

    Example:
        >>> import torch
        >>> z = torch.eye(2).repeat_interleave(2, 0)
        >>> round(BinomialDeviance()(z[None], labels=torch.tensor([0, 0, 1, 1])).item(), 4)
        0.3133
    """

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        lam: float = 0.5,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(**common)
        self.alpha = check_above_zero("alpha", alpha)
        self.beta = check_above_zero("beta", beta)
        self.lam = lam

    def forward(
        self, views: Tensor, labels: Tensor | None = None, ids: Tensor | None = None
    ) -> Tensor:
        """The loss of a batch; see `binomial_deviance`."""
        return binomial_deviance(
            views,
            labels,
            ids,
            alpha=self.alpha,
            beta=self.beta,
            lam=self.lam,
            reduction=self.reduction,
        )
