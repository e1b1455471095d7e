"""N-pair loss: one positive against all negatives at once, by inner products of any length."""

from __future__ import annotations

from torch import Tensor

from dipole.declared import NotNegative
from dipole.kernels import lse, own, pairs
from dipole.objectives.contract.base import Objective
from dipole.objectives.contract.registry import register
from dipole.objectives.maths import log_add, one_against, others, reduce, unlike


@register(
    "n-pair",
    paper="Sohn 2016, Improved Deep Metric Learning with Multi-class N-pair Loss Objective",
    system="crl-review",
    form="softmax of inner products",
    related=("infonce", "triplet"),
)
class NPair(Objective):
    """With inner products s_ij = a_i . p_j of vectors as they are, not of unit length,

        L_i = log(1 + sum_{j != i} exp(s_ij - s_ii)) + l2 (||a_i||^2 + ||p_i||^2).

    `l2` keeps the lengths, which nothing else bounds; for unit vectors it is a constant and the
    rest is InfoNCE in one direction at temperature 1. (pytorch-metric-learning normalises the
    vectors unless told otherwise.)
    Shapes: anchor, positive (n, d), one pair per class; negative (m, d), negatives of every anchor;
    ids (n,), negative_ids (m,): equal ids are never negatives of each other.

    Example:
        >>> import torch
        >>> NPair(l2=0.0)(5 * torch.eye(4), torch.eye(4)).item() < 0.03
        True
    """

    l2: NotNegative = 0.0005

    def forward(
        self,
        anchor: Tensor,
        positive: Tensor,
        negative: Tensor | None = None,
        ids: Tensor | None = None,
        negative_ids: Tensor | None = None,
    ) -> Tensor:
        a, p = (x.float() if x.element_size() < 4 else x for x in (anchor, positive))
        (rest,) = pairs(a, p, row=[lse(mask=others(ids))]).row
        if negative is not None:
            rest = log_add(rest, *pairs(a, negative, row=[lse(mask=unlike(ids, negative_ids))]).row)
        lengths = own(a, a) + own(p, p)
        return reduce(one_against(own(a, p), rest) + self.l2 * lengths, self.reduction)
