"""GTE: queries and documents are each other's negatives, and those of their own kind."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from dipole.kernels import lse, own, pairs
from dipole.objectives.base import Common, Objective, Reduction, Temperature
from dipole.objectives.checks import check
from dipole.objectives.maths import log_add, one_against, others, reduce, unit
from dipole.objectives.registry import register


def gte(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    ids: Tensor | None = None,
    *,
    temperature: float | Tensor = 0.01,
    reduction: Reduction = "mean",
) -> Tensor:
    """With s(x, y) = cos(x, y) / temperature, queries q (anchors) and documents d (positives),

        Z_i = exp s(q_i, d_i) + sum_{j != i} [ exp s(q_i, d_j) + exp s(q_i, q_j)
                                             + exp s(q_j, d_i) + exp s(d_j, d_i) ]
        L_i = log Z_i - s(q_i, d_i).

    Negatives are more documents, so they meet q_i and d_i. The positive is counted once; written
    out, the published sum has it twice, and a loss of log 2 for a pair that is right.
    Shapes: anchor, positive (n, d); negative (m, d); ids (n,): pairs of equal ids are never
    negatives.
    """
    check(anchor=anchor, positive=positive, negative=negative, ids=ids, temperature=temperature)
    q, d = unit(anchor), unit(positive)
    rest = [lse(mask=others(ids))]
    both = pairs(q, d, temperature=temperature, row=rest, column=rest)
    blocks = [*both.row, *both.column]
    for x in (q, d):
        blocks += pairs(x, x, temperature=temperature, row=rest).row
        if negative is not None:
            blocks += pairs(x, unit(negative), temperature=temperature, row=[lse()]).row
    return reduce(one_against(own(q, d, temperature=temperature), log_add(*blocks)), reduction)


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
        0.9...
    """

    def __init__(self, temperature: float = 0.01, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        self.temperature = Temperature(temperature)

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `gte`."""
        return gte(
            anchor,
            positive,
            negative,
            ids,
            temperature=self.temperature(),
            reduction=self.reduction,
        )
