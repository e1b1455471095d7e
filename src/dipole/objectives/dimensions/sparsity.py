"""Regularisers that make vectors sparse: FLOPS and L1, each a term beside a loss of pairs."""

from __future__ import annotations

from typing import Annotated

import torch
from torch import Tensor

from dipole.declared import Range
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import total_everywhere, wide

_FROM_0 = Annotated[float, Range(0)]
_LIST_MASK = {"mask": "n k"}


class _Sparsity(Objective):
    """L = query F(Q) + document F(D), with the anchors Q and all documents D of the batch."""

    shapes = _LIST_MASK

    query: _FROM_0 = 1.0
    document: _FROM_0 = 1.0

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor | None = None,
        negative: Tensor | None = None,
        candidates: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        documents = [wide(x) for x in (positive, negative) if x is not None]
        if candidates is not None:
            rows = wide(candidates)
            documents.append(rows.flatten(0, 1) if mask is None else rows[mask])
        loss = self.query * self.size(_mean(wide(anchor)))
        if documents:
            loss = loss + self.document * self.size(_mean(torch.cat(documents)))
        return loss

    def size(self, mean: Tensor) -> Tensor:
        """F of some vectors, by the mean of their absolute values, (d,)."""
        raise NotImplementedError


def _mean(x: Tensor) -> Tensor:
    """mean_i |x_i| over the rows (n, d) of all processes, (d,); 0 of none."""
    size = total_everywhere(x.new_tensor(float(len(x))))
    return total_everywhere(x.abs().sum(0)) / size.clamp(min=1)


@register(
    "flops",
    paper="Paria et al. 2020, Minimizing FLOPs to Learn Efficient Sparse Representations, "
    "arXiv 2004.05665; as a term of SPLADE: Formal et al. 2021, arXiv 2107.05720",
    system="flops",
    form="squares of the mean weights",
    related=("l1", "dot-infonce", "margin-mse"),
    rows=False,
    executors=(),
)
class Flops(_Sparsity):
    """With w_iv the numbers of vector i,

        F(X) = sum_v (mean_{i in X} |w_iv|)^2
        L    = query F(Q) + document F(D).

    F is how many products a search with an inverted index has to make, made smooth: a number that
    many vectors have costs more than the same weight spread over the vocabulary. Q are the anchors,
    D all positives, negatives and candidates, of all processes.
    Shapes: anchor, positive (n, d); negative (m, d); candidates (n, k, d) with mask (n, k), False
    for padding. All but the anchor may be left out.

    Example:
        >>> import torch
        >>> Flops()(torch.eye(4), torch.eye(4)).item()  # 4 (1/4)^2 of each side
        0.5
    """

    def size(self, mean: Tensor) -> Tensor:
        return mean.square().sum()


@register(
    "l1",
    paper="Lassance and Clinchant 2022, An Efficiency Study for SPLADE Models, arXiv 2207.03834 "
    "(for queries)",
    system="l1",
    form="mean of the absolute weights",
    related=("flops",),
    rows=False,
    executors=(),
)
class L1Norm(_Sparsity):
    """With w_iv the numbers of vector i,

        F(X) = mean_{i in X} sum_v |w_iv|
        L    = query F(Q) + document F(D),

    Q and D as of `flops`. An efficient SPLADE has L1 for its queries and FLOPS for its documents:
    `dot-infonce + 0.01 * l1 + 0.01 * flops` with `l1.document=0` and `flops.query=0`.
    Shapes: anchor, positive (n, d); negative (m, d); candidates (n, k, d) with mask (n, k), False
    for padding. All but the anchor may be left out.

    Example:
        >>> import torch
        >>> L1Norm()(torch.eye(4), torch.eye(4)).item()
        2.0
    """

    def size(self, mean: Tensor) -> Tensor:
        return mean.sum()
