"""GTE: queries and documents are each other's negatives, and those of their own kind."""

from __future__ import annotations

import math
from typing import Unpack

from torch import Tensor

from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction, Temperature
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, others, reduce, unit, unlike


def gte(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    ids: Tensor | None = None,
    rows: Tensor | None = None,
    negative_rows: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.01,
    positive_once: bool = False,
    reduction: Reduction = "mean",
) -> Tensor:
    """With s(x, y) = cos(x, y) / temperature, queries q (anchors) and documents d (positives),

        Z_i = sum_j exp s(q_i, d_j) + sum_{j != i} exp s(q_i, q_j)
              + sum_j exp s(q_j, d_i) + sum_{j != i} exp s(d_j, d_i)
        L_i = log Z_i - s(q_i, d_i).

    Negatives are more documents: they meet every q_i, and every d_i but that of the row which they
    were listed for. The own pair stands in two of the sums,
    so a pair that is right has the loss log 2; with `positive_once` it is counted once, and has 0.
    (KaLM's expanded negatives are three of these sums, without documents against queries.)
    Shapes: anchor, positive (n, d); negative (m, d); ids (n,): pairs of equal ids are never
    negatives; rows (n,), negative_rows (m,): the example's number, and that of the example a
    negative was listed for (without them a negative meets every d_i).
    """
    check(
        anchor=anchor,
        positive=positive,
        negative=negative,
        ids=ids,
        rows=rows,
        negative_rows=negative_rows,
        temperature=temperature,
    )
    q, d = unit(anchor), unit(positive)
    rest = [lse(mask=others(ids))]
    both = pairs(q, d, temperature=temperature, row=rest, column=rest)
    blocks = [*both.row, *both.column]
    for x, mask in ((q, []), (d, unlike(rows, negative_rows))):
        blocks += pairs(x, x, temperature=temperature, row=rest).row
        if negative is not None:
            met = [lse(mask=mask)]
            blocks += pairs(x, unit(negative), temperature=temperature, row=met).row
    # log(2 + exp x) = log 2 + softplus(x - log 2), exact for easy pairs too.
    again = 0.0 if positive_once else math.log(2)
    score = own(q, d, temperature=temperature) + again
    return reduce(one_against(score, log_add(*blocks)) + again, reduction)


@register(
    "gte",
    paper="Li et al. 2023, Towards General Text Embeddings with Multi-stage Contrastive Learning, "
    "arXiv 2308.03281",
    system="gte",
    form="softmax, four blocks of the batch",
    related=("infonce", "ntxent"),
)
class GTE(Objective):
    """`gte` with its settings.

    Example:
        >>> import torch
        >>> GTE(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        1.2...
    """

    def __init__(
        self, temperature: float = 0.01, *, positive_once: bool = False, **common: Unpack[Common]
    ) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)
        self.positive_once = positive_once

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        rows: Tensor | None = None,
        negative_rows: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `gte`."""
        return gte(
            anchor,
            positive,
            negative,
            ids,
            rows,
            negative_rows,
            temperature=self.temperature(),
            positive_once=self.positive_once,
            reduction=self.reduction,
        )
