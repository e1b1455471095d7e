"""InfoNCE of dot products: for vectors whose lengths mean something, as sparse ones."""

from __future__ import annotations

import torch
from torch import Tensor

from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Objective, Temperature
from dipole.objectives.contract.registry import register
from dipole.objectives.dimensions.moments import wide
from dipole.objectives.maths import log_add, one_against, others, reduce, unlike


@register(
    "dot-infonce",
    paper="Formal et al. 2021, SPLADE: Sparse Lexical and Expansion Model for First Stage Ranking, "
    "arXiv 2107.05720",
    system="dot-infonce",
    form="softmax",
    related=("infonce", "flops", "margin-mse"),
)
class DotInfoNCE(Objective):
    """With l_ij = a_i . c_j / temperature, and D(i) every positive and negative of the batch,

        L_i = log sum_{j in D(i)} exp l_ij - l_ii.

    `infonce` in one direction without normalisation: a vector that is longer says more. `symmetric`
    also lets the positives choose among the anchors: the mean of both directions.
    Shapes: anchor, positive (n, d); negative (m, d), candidates of every anchor; ids (n,): equal
    ids never meet, save for i = j; negative_ids (m,): a negative with the id of an anchor's
    positive is none of its negatives.

    Example:
        >>> import torch
        >>> round(DotInfoNCE()(10 * torch.eye(4), torch.eye(4)).item(), 6)
        0.000136
    """

    temperature: Temperature = Temperature(1.0)
    learn_temperature: bool = False
    symmetric: bool = False

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        a, p, t = wide(anchor), wide(positive), self.temperature()
        rest = [lse(mask=others(ids))]
        block = pairs(a, p, temperature=t, row=rest, column=rest if self.symmetric else [])
        (row,) = block.row
        if negative is not None:
            more = [lse(mask=unlike(ids, negative_ids))]
            row = log_add(row, *pairs(a, wide(negative), temperature=t, row=more).row)
        rows = one_against(own(a, p, temperature=t), torch.stack([row, *block.column]))
        return reduce(rows.mean(0), self.reduction)
