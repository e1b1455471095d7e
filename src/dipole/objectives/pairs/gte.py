"""GTE: queries and documents are each other's negatives, and those of their own kind."""

from __future__ import annotations

import math

from torch import Tensor

from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, others, reduce, unit, unlike


@register(
    "gte",
    paper="Li et al. 2023, Towards General Text Embeddings with Multi-stage Contrastive Learning, "
    "arXiv 2308.03281",
    system="gte",
    form="softmax, four blocks of the batch",
    related=("infonce", "ntxent"),
)
class GTE(Objective):
    """With s(x, y) = cos(x, y) / temperature, queries q (anchors) and documents d (positives),

        Z_i = sum_j exp s(q_i, d_j) + sum_{j != i} exp s(q_i, q_j)
              + sum_j exp s(q_j, d_i) + sum_{j != i} exp s(d_j, d_i)
        L_i = log Z_i - s(q_i, d_i).

    Negatives are more documents: they meet every q_i, and every d_i but that of the row which they
    were listed for. The own pair stands in two of the sums, so a pair that is right has the loss
    log 2; with `positive_once` it is counted once, and has 0. (KaLM's expanded negatives are three
    of these sums, without documents against queries.)
    Shapes: anchor, positive (n, d); negative (m, d); ids (n,): pairs of equal ids are never
    negatives; rows (n,), negative_rows (m,): the example's number, and that of the example a
    negative was listed for (without them a negative meets every d_i).

    Example:
        >>> import torch
        >>> GTE(temperature=0.5)(torch.eye(4), torch.eye(4)).item()
        1.2...
    """

    temperature: Temperature = Temperature(0.01)
    positive_once: bool = False

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        rows: Tensor | None = None,
        negative_rows: Tensor | None = None,
    ) -> Tensor:
        q, d, t = unit(anchor), unit(positive), self.temperature()
        rest = [lse(mask=others(ids))]
        both = pairs(q, d, temperature=t, row=rest, column=rest)
        blocks = [*both.row, *both.column]
        for x, mask in ((q, []), (d, unlike(rows, negative_rows))):
            blocks += pairs(x, x, temperature=t, row=rest).row
            if negative is not None:
                blocks += pairs(x, unit(negative), temperature=t, row=[lse(mask=mask)]).row
        # log(2 + exp x) = log 2 + softplus(x - log 2), exact for easy pairs too.
        again = 0.0 if self.positive_once else math.log(2)
        score = own(q, d, temperature=t) + again
        return reduce(one_against(score, log_add(*blocks)) + again, self.reduction)
