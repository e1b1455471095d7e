"""N-pair loss: one positive against all negatives at once, by inner products of any length."""

from __future__ import annotations

import math
from typing import Unpack

from torch import Tensor

from dipole.errors import InputError
from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Common, Objective, Reduction
from dipole.objectives.contract.checks import check
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, others, reduce, unlike


def n_pair(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor | None = None,
    ids: Tensor | None = None,
    negative_ids: Tensor | None = None,
    *,
    l2: float = 0.0005,
    reduction: Reduction = "mean",
) -> Tensor:
    """With inner products s_ij = a_i . p_j of vectors as they are, not of unit length,

        L_i = log(1 + sum_{j != i} exp(s_ij - s_ii)) + l2 (||a_i||^2 + ||p_i||^2).

    `l2` keeps the lengths, which nothing else bounds; for unit vectors it is a constant and the
    rest is InfoNCE in one direction at temperature 1. (pytorch-metric-learning normalises the
    vectors unless told otherwise.)
    Shapes: anchor, positive (n, d), one pair per class; negative (m, d), negatives of every anchor;
    ids (n,), negative_ids (m,): equal ids are never negatives of each other.
    """
    check(anchor=anchor, positive=positive, negative=negative, ids=ids, negative_ids=negative_ids)
    a, p = (x.float() if x.element_size() < 4 else x for x in (anchor, positive))
    (rest,) = pairs(a, p, row=[lse(mask=others(ids))]).row
    if negative is not None:
        rest = log_add(rest, *pairs(a, negative, row=[lse(mask=unlike(ids, negative_ids))]).row)
    return reduce(one_against(own(a, p), rest) + l2 * (own(a, a) + own(p, p)), reduction)


@register(
    "n-pair",
    paper="Sohn 2016, Improved Deep Metric Learning with Multi-class N-pair Loss Objective",
    system="crl-review",
    form="softmax of inner products",
    related=("infonce", "triplet"),
)
class NPair(Objective):
    """`n_pair` with its settings.

    Example:
        >>> import torch
        >>> NPair(l2=0.0)(5 * torch.eye(4), torch.eye(4)).item() < 0.03
        True
    """

    def __init__(self, l2: float = 0.0005, **common: Unpack[Common]) -> None:
        super().__init__(**common)
        if not 0 <= l2 < math.inf:
            raise InputError(f"l2: found {l2!r}, expected a number of 0 or more")
        self.l2 = l2

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        """The loss of a batch; see `n_pair`."""
        return n_pair(
            anchor, positive, negative, ids, negative_ids, l2=self.l2, reduction=self.reduction
        )
